"""Serves the resources of Stripe's API v1, one module each."""
