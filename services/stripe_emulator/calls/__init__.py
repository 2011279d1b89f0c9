"""What all API calls share: form decoding, parameters, lists, expansion and idempotency."""
