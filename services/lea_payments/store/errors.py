"""The errors of the payment store."""


class ConflictError(Exception):
    """Raised when a record changed between being read and being written; read it again."""


class UnavailableError(Exception):
    """Raised when the table cannot be reached, is too busy or too slow; nothing is known to be written.

    UnavailableError
    └── UnreachableError
    """


class UnreachableError(UnavailableError):
    """Raised when no answer came: what was sent may have been done all the same, and another try may get through."""
