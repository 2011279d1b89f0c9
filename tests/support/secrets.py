"""Makes secrets of Stripe's form for the tests: the same text always makes the same secret."""

from hashlib import sha256


def signing_secret(text: str) -> str:
    """A signing secret of the length that `stripe listen` prints."""
    return f"whsec_{sha256(text.encode()).hexdigest()}"
