"""Everything around Stripe's hosted Checkout page; each module's first sentence says what lives there."""

__version__ = "0.1.0"
