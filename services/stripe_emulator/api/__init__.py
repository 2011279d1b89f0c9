"""Stripe's API over HTTP: routes, authentication and error replies."""
