"""The service that compares payments with Stripe and repairs the differences."""
