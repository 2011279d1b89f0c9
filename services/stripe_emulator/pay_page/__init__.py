"""Serves the hosted pay page."""
