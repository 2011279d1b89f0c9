"""Converts the place where the next page of a list starts to a cursor and back."""

import base64
import hashlib

from lea_payments.checkout.errors import RefusalError

_DIGEST_LENGTH = 9

_KEY_LIMIT = 2048
"""In bytes: DynamoDB's limit for a partition key (developer guide, "Quotas")."""


def cursor_after(payment_id: str, field: str, value: str) -> str:
    """The cursor of the payments after this one in the list of a user or a quote."""
    return base64.urlsafe_b64encode(_digest(payment_id, field, value) + payment_id.encode()).decode().rstrip("=")


def position_of(cursor: str, field: str, value: str) -> str:
    """The id of the payment after which the page starts. Raises RefusalError if the cursor is not of this list."""
    try:
        decoded = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        payment_id = decoded[_DIGEST_LENGTH:].decode()
    except ValueError:
        payment_id = ""
    if not 0 < len(payment_id.encode()) <= _KEY_LIMIT or cursor_after(payment_id, field, value) != cursor:
        raise RefusalError(
            "invalid_cursor",
            "Send next_cursor of the previous page unchanged, with the same user_id or quote_id; "
            "without cursor the list starts again.",
            param="cursor",
        )
    return payment_id


def _digest(payment_id: str, field: str, value: str) -> bytes:
    """Binds a cursor to its list, and shows damage: otherwise payments would be missing without a sign."""
    return hashlib.sha256(f"{field}={value}\0{payment_id}".encode()).digest()[:_DIGEST_LENGTH]
