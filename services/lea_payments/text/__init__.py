"""Writes texts for people."""
