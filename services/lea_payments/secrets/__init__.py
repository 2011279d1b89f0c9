"""The rules of secrets: signing secrets, API keys and API tokens."""
