"""Serves Stripe's API over HTTP."""
