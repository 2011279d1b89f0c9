"""Reads many records with one call."""
