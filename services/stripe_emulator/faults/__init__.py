"""Validates faults and decides which API calls fail."""
