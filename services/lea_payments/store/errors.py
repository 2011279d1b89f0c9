"""Defines the errors of the payment store."""


class ConflictError(Exception):
    """Raised when a record has changed since it was read: read it again."""


class UnavailableError(Exception):
    """Raised when the table cannot be reached or does not respond in time, so the write may be missing.

    UnavailableError
    └── TemporaryError
    """


class TemporaryError(UnavailableError):
    """Raised when one try failed and another one can succeed. The table may have done the write nevertheless."""
