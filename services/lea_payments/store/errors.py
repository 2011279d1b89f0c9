"""Defines the errors of the payment store."""


class ConflictError(Exception):
    """Raised when a record has changed since it was read: read it again."""


class UnavailableError(Exception):
    """Raised when the table cannot be reached or does not respond in time, so the write may be missing.

    UnavailableError
    └── UnreachableError
    """


class UnreachableError(UnavailableError):
    """Raised when a request got no response. The table may have done the write; the request can be sent again."""
