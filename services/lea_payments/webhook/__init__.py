"""The service that receives Stripe's events."""
