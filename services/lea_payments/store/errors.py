"""The errors of the payment store."""


class Conflict(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when a record changed between being read and being written; read it again."""


class Unavailable(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when the table cannot be reached, is too busy or too slow; nothing is known to be written.

    Unavailable
    └── Unreachable
    """


class Unreachable(Unavailable):
    """Raised when no answer came: what was sent may have been done all the same, and another try may get through."""
