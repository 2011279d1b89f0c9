"""Lists what Stripe publishes: object shapes, errors, test cards, currencies and event types."""
