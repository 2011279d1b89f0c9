"""Parts of the translation of Stripe's objects into facts; performs no I/O."""
