"""Stands in for Stripe in development and tests."""
