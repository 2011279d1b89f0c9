"""The service with the payments API."""
