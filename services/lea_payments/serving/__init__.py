"""What all HTTP services share: startup, shutdown, health, limits and the request span."""
