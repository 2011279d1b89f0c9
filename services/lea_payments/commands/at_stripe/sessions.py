"""Says which sessions of a payment are known, and when those that are not known can have been created."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lea_payments.payment.payers import UNKNOWN_INTENT, UNKNOWN_SESSION
from lea_payments.payment.record import Payment, Status, attempt_at
from lea_payments.text.words import counted

SEARCH_BEFORE, SEARCH_AFTER = 1 * 3600, 26 * 3600
"""How long before and after the start of an attempt its session can have been created, in seconds."""


def known_ids(record: Payment, prefix: str) -> Sequence[str]:
    """The sessions or the PaymentIntents that the record names, by the prefix of their ids."""
    named = {record.stripe_session_id, record.other_session_id, record.stripe_payment_intent, *record.facts}
    named.update(fact.intent for fact in record.facts.values())
    unreal = {UNKNOWN_INTENT, UNKNOWN_SESSION}
    return sorted(name for name in named - unreal if name is not None and name.startswith(prefix))


def may_have_others(record: Payment, session_ids: Collection[str]) -> bool:
    """Whether Stripe can have sessions of the payment besides these."""
    has_current = record.stripe_session_id is not None or (bool(session_ids) and not record.checkout_attempt)
    is_paid = record.payment_status is Status.COMPLETED
    return not (is_paid and has_current and record.checkout_attempt <= len(session_ids))


def search_windows(record: Payment, created: int) -> Sequence[tuple[int, int]]:
    """When the sessions of the first and of the current attempt can have been created, in seconds since 1970."""
    last = max(created, int(attempt_at(record).timestamp()))
    if last - created <= SEARCH_BEFORE + SEARCH_AFTER:
        return [(created - SEARCH_BEFORE, last + SEARCH_AFTER)]
    return [(at - SEARCH_BEFORE, at + SEARCH_AFTER) for at in (created, last)]


def unsearched(record: Payment, windows: Sequence[tuple[int, int]], session_ids: Collection[str]) -> Sequence[str]:
    """What a search in these windows cannot have found, one sentence each."""
    is_known = record.checkout_attempt <= 1 or attempt_at(record).timestamp() > 0
    if record.checkout_attempt <= len(session_ids) or (len(windows) == 1 and is_known):
        return []
    return [
        (
            f"sessions: checkout began {counted(record.checkout_attempt, 'attempt')}, but Stripe's search gave "
            f"{counted(len(session_ids), 'session')}; "
            f"only those were searched that were created up to {SEARCH_AFTER // 3600} hours after created_at and "
            "checkout_attempt_at"
        )
    ]


def is_recoverable(session: Mapping[str, Any]) -> bool:
    """Whether the customer can continue this expired session in a new one, for 30 days."""
    match session:
        case {"status": "expired", "after_expiration": {"recovery": {"enabled": True}}}:
            return True
    return False


def recovery_not_searched(session_id: str) -> str:
    """Says that the sessions that continue this one were not searched."""
    return (
        f"{session_id}: it expired, and the customer can continue it in a new session for 30 days; only sessions were "
        f"searched that were created up to {SEARCH_AFTER // 3600} hours after created_at and checkout_attempt_at"
    )


def created_at(record: Payment) -> int | None:
    """The creation time of the record, in seconds since 1970; None if the field is missing or is not a time."""
    try:
        created = datetime.fromisoformat(record.created_at or "")
    except ValueError:
        return None
    return int((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp())
