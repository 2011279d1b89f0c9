"""Cancels payments: their links, and their records."""
