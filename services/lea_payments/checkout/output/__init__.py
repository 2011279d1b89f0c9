"""Writes what callers get: the values of records, Stripe's objects, and the description of the API."""
