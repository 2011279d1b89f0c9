"""Builds the conditional writes of payments."""
