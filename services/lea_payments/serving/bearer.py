"""Finds the bearer token of a caller."""

import hmac
from collections.abc import Sequence


def index_of_token(authorization: str, tokens: Sequence[str]) -> int | None:
    """The index of the token in an Authorization header, or None if it has no valid one.

    Compares with every token in constant time: the duration reveals nothing.
    """
    scheme, _, given = authorization.partition(" ")
    matches = [hmac.compare_digest(token.encode(), given.strip().encode()) for token in tokens]
    return matches.index(True) if scheme.lower() == "bearer" and any(matches) else None
