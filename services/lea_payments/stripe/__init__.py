"""Stripe's side: signatures, events and objects translated into our terms, and the calls to its API."""
