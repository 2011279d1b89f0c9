"""Keeps the emulated Stripe account in memory."""
