"""What a payment has at Stripe."""
