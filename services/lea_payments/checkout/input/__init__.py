"""Reads what callers send: JSON, texts and cursors."""
