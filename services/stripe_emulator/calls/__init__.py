"""Decodes and validates API calls, and builds their answers."""
