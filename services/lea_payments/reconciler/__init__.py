"""The service that compares records with Stripe and repairs them."""
