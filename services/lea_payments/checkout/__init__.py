"""The service that creates payments and their links: the checkout API."""
