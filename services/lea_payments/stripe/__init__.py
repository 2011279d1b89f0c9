"""Stripe: verifies signatures, translates events and objects, and calls the API."""
