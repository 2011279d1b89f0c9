"""The events that `lea-payments replay` applies."""
