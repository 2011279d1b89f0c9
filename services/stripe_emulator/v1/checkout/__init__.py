"""Serves checkout sessions and their pay pages."""
