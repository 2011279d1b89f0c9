"""A stand-in for Stripe in development and tests; knows nothing of lea_payments."""
