"""Payment records, webhooks, customer pages and an API around Stripe's hosted Checkout."""

__version__ = "0.2.0"
