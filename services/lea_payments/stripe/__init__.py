"""Stripe's signatures, events and objects, and calls to its API."""
