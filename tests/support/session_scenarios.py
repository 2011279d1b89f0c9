"""Lists scenarios of sessions and declines. Every event names the payment."""

from collections.abc import Mapping
from typing import Any

from lea_payments.payment.evidence import NEVER_MATCHES, UNREADABLE_CURRENCY
from lea_payments.payment.record import Status
from tests.support import stripe_bodies as stripe
from tests.support.scenario import (
    ASYNC_FAILED,
    AWAITING,
    EXPIRED,
    FIRST,
    PAID,
    PAID_BY_B,
    PAID_TWICE,
    RECOVERED,
    SECOND,
    SECOND_ATTEMPT,
    B,
    Scenario,
    declined,
    mismatch,
)

_FIRST_ATTEMPT = {"checkout_attempt": 1}
_C: Mapping[str, Any] = {"id": "cs_test_c", "payment_intent": "pi_c", "metadata": {"attempt": "1"}}
_NO_SESSION: Mapping[str, Any] = {"stripe_session_id": None}
_FREE = {"payment_status": "no_payment_required", "payment_intent": None}


ONE_SESSION: Mapping[str, Scenario] = {
    "success": Scenario(lambda p: [stripe.completed(p)], PAID),
    "free of charge": Scenario(lambda p: [stripe.completed(p, **_FREE)], {**PAID, "stripe_payment_intent": None}),
    "free by a promotion code": Scenario(
        lambda p: [stripe.completed(p, **_FREE, amount_total=0)],
        {**mismatch("amount_mismatch"), "stripe_payment_intent": None},
    ),
    "decline then success": Scenario(lambda p: [stripe.declined(p), stripe.completed(p)], PAID),
    "two declines": Scenario(
        lambda p: [stripe.declined(p, "lost_card"), stripe.declined(p, "insufficient_funds")], declined("lost_card")
    ),
    "decline then expiry": Scenario(lambda p: [stripe.declined(p), stripe.expired(p)], EXPIRED),
    "expiry": Scenario(lambda p: [stripe.expired(p)], EXPIRED),
    "success with the payment method": Scenario(lambda p: [stripe.charged(p), stripe.completed(p)], PAID),
    "payment method of an open session": Scenario(lambda p: [stripe.charged(p)], {"payment_status": "pending"}),
    "payment method after a decline": Scenario(lambda p: [stripe.declined(p), stripe.charged(p)], declined()),
    "payment method and a wrong amount": Scenario(
        lambda p: [stripe.charged(p), stripe.completed(p, amount_total=1)], mismatch("amount_mismatch")
    ),
    "delayed method paid": Scenario(lambda p: [stripe.awaiting(p), stripe.async_paid(p)], PAID),
    "delayed method failed": Scenario(
        lambda p: [stripe.awaiting(p), stripe.async_failed(p), stripe.declined(p, "generic_decline")], ASYNC_FAILED
    ),
    "delayed method waiting": Scenario(lambda p: [stripe.declined(p), stripe.awaiting(p)], AWAITING),
    "wrong amount": Scenario(lambda p: [stripe.completed(p, amount_total=1)], mismatch("amount_mismatch")),
    "wrong amount after a decline": Scenario(
        lambda p: [stripe.declined(p), stripe.expired(p), stripe.completed(p, amount_total=5000)],
        mismatch("amount_mismatch"),
    ),
    "wrong currency": Scenario(lambda p: [stripe.completed(p, currency="usd")], mismatch("currency_mismatch")),
    "currency in capitals": Scenario(lambda p: [stripe.completed(p, currency="SGD")], PAID),
    "unknown payment status": Scenario(lambda p: [stripe.completed(p, payment_status="partially_paid")], AWAITING),
    "unknown payment status then failed": Scenario(
        lambda p: [stripe.completed(p, payment_status="partially_paid"), stripe.async_failed(p)], ASYNC_FAILED
    ),
    "unknown payment status then paid": Scenario(
        lambda p: [stripe.completed(p, payment_status="partially_paid"), stripe.async_paid(p)], PAID
    ),
    "reference of another system": Scenario(
        lambda p: [stripe.completed("cart_17", metadata={"payment_intent_id": p})], PAID
    ),
}
"""A payment with the open session cs_test_a."""

NOT_OURS: Mapping[str, Scenario] = {
    "session that saves a card": Scenario(lambda p: [stripe.completed(p, mode="setup", **_FREE)], {}),
    "session of a subscription": Scenario(
        lambda p: [stripe.completed(p, mode="subscription"), stripe.expired(p)], EXPIRED
    ),
    "another account": Scenario(lambda p: [_event_of(p, account="acct_other"), stripe.declined(p)], declined()),
    "another context": Scenario(lambda p: [_event_of(p, context="acct_other")], {}),
    "live mode": Scenario(lambda p: [_event_of(p, livemode=True)], {}),
    "unused event type": Scenario(lambda p: [stripe.event("invoice.paid", stripe.session(p))], {}),
}
"""Events that are ignored, some of them beside an event that counts."""


def _event_of(payment_id: str, **fields: Any) -> bytes:
    return stripe.event("checkout.session.completed", stripe.session(payment_id), **fields)


TWO_SESSIONS: Mapping[str, Scenario] = {
    "second payment": Scenario(lambda p: [stripe.completed(p), stripe.completed(p, **B)], PAID_TWICE),
    "second payment of a wrong amount": Scenario(
        lambda p: [stripe.completed(p), stripe.completed(p, **B, amount_total=1)], PAID_TWICE
    ),
    "wrong amount then the right one": Scenario(
        lambda p: [stripe.completed(p, amount_total=1), stripe.completed(p, **B)],
        {**PAID_BY_B, "status_reason": "paid_twice"},
    ),
    "wrong amount refunded then the right one": Scenario(
        lambda p: [stripe.completed(p, amount_total=5), stripe.refunded(p, 5), stripe.completed(p, **B)], PAID_BY_B
    ),
    "two delayed payments": Scenario(
        lambda p: [stripe.awaiting(p), stripe.async_paid(p), stripe.awaiting(p, **B), stripe.async_paid(p, **B)],
        PAID_TWICE,
    ),
    "one delayed payment waits, one failed": Scenario(
        lambda p: [stripe.awaiting(p), stripe.async_failed(p), stripe.awaiting(p, **B)],
        {**AWAITING, "other_session_id": "cs_test_b"},
    ),
    "free session beside a payment": Scenario(
        lambda p: [stripe.completed(p), stripe.completed(p, id="cs_test_b", **_FREE)],
        {**PAID, "other_session_id": "cs_test_b"},
    ),
    "old session's expiry after a new one": Scenario(
        lambda p: [stripe.completed(p, **B), stripe.expired(p)], PAID_BY_B
    ),
    "another session's expiry alone": Scenario(
        lambda p: [stripe.expired(p, id="cs_test_old")], {"other_session_id": "cs_test_old"}
    ),
    "another session's money": Scenario(lambda p: [stripe.completed(p, **B), stripe.declined(p)], PAID_BY_B),
}
"""A payment with the open session cs_test_a, and a session that the record does not know."""


TWO_ATTEMPTS: Mapping[str, Scenario] = {
    "former session paid late": Scenario(
        lambda p: [stripe.awaiting(p, **FIRST), stripe.async_paid(p, **FIRST)],
        {**PAID, "other_session_id": "cs_test_b"},
        SECOND_ATTEMPT,
    ),
    "former session's money on its way": Scenario(
        lambda p: [stripe.awaiting(p, **FIRST), stripe.expired(p, **SECOND)], AWAITING, SECOND_ATTEMPT
    ),
    "former session of an unknown payment status": Scenario(
        lambda p: [stripe.completed(p, **FIRST, payment_status="partially_paid"), stripe.expired(p, **SECOND)],
        AWAITING,
        SECOND_ATTEMPT,
    ),
    "former session's delayed payment fails": Scenario(
        lambda p: [stripe.awaiting(p, **FIRST), stripe.async_failed(p, **FIRST), stripe.declined(p, attempt="1")],
        {},
        SECOND_ATTEMPT,
    ),
    "former session expired late": Scenario(lambda p: [stripe.expired(p, **FIRST)], {}, SECOND_ATTEMPT),
    "former attempt declined late": Scenario(
        lambda p: [stripe.declined(p, attempt="1"), stripe.declined(p, "lost_card")], {}, SECOND_ATTEMPT
    ),
    "current attempt declined": Scenario(
        lambda p: [
            stripe.declined(p, "stolen_card", attempt="1"),
            stripe.declined(p, intent="pi_b", attempt="2"),
        ],
        declined(),
        SECOND_ATTEMPT,
    ),
    "former attempt declined, current one expired": Scenario(
        lambda p: [stripe.declined(p, attempt="1"), stripe.expired(p, **SECOND)], EXPIRED, SECOND_ATTEMPT
    ),
    "both attempts paid": Scenario(
        lambda p: [stripe.completed(p, **FIRST), stripe.completed(p, **SECOND)], PAID_TWICE, SECOND_ATTEMPT
    ),
    "second attempt paid": Scenario(
        lambda p: [stripe.expired(p, **FIRST), stripe.completed(p, **SECOND)], PAID_BY_B, SECOND_ATTEMPT
    ),
    "former session paid before the new one is stored": Scenario(
        lambda p: [stripe.completed(p, **FIRST)],
        {**PAID, "other_session_id": None},
        {**SECOND_ATTEMPT, "stripe_session_id": None},
    ),
}
"""A payment with a second link."""


RECOVERIES: Mapping[str, Scenario] = {
    "recovered session paid": Scenario(
        lambda p: [stripe.expired(p, **FIRST), stripe.completed(p, **RECOVERED)], PAID_BY_B, _FIRST_ATTEMPT
    ),
    "recovered session delayed": Scenario(
        lambda p: [stripe.expired(p, **FIRST), stripe.awaiting(p, **RECOVERED)],
        {**AWAITING, "other_session_id": "cs_test_b"},
        _FIRST_ATTEMPT,
    ),
    "recovered session failed": Scenario(
        lambda p: [stripe.expired(p, **FIRST), stripe.awaiting(p, **RECOVERED), stripe.async_failed(p, **RECOVERED)],
        {**ASYNC_FAILED, "other_session_id": "cs_test_b"},
        _FIRST_ATTEMPT,
    ),
    "recovered session beside a third one": Scenario(
        lambda p: [stripe.awaiting(p, **_C), stripe.async_paid(p, **_C)],
        {
            **PAID_BY_B,
            "stripe_session_id": "cs_test_c",
            "stripe_payment_intent": "pi_c",
            "other_session_id": "cs_test_b",
        },
        {**SECOND_ATTEMPT, "other_session_id": "cs_test_z"},
    ),
}
"""Sessions that Stripe created from expired ones."""


BY_HAND: Mapping[str, Scenario] = {
    "no session, expiry": Scenario(
        lambda p: [stripe.expired(p)], {**EXPIRED, "other_session_id": "cs_test_a"}, _NO_SESSION
    ),
    "no session, delayed payment failed": Scenario(
        lambda p: [stripe.awaiting(p), stripe.async_failed(p)],
        {**ASYNC_FAILED, "other_session_id": "cs_test_a"},
        _NO_SESSION,
    ),
    "no session, success": Scenario(
        lambda p: [stripe.expired(p, id="cs_test_old"), stripe.completed(p)],
        {**PAID, "other_session_id": "cs_test_old"},
        _NO_SESSION,
    ),
    "no amount and no currency": Scenario(
        lambda p: [stripe.completed(p, amount_total=1, currency="usd")], PAID, {"amount": None, "currency": None}
    ),
    "currency of the record in capitals": Scenario(lambda p: [stripe.completed(p)], PAID, {"currency": "SGD"}),
    "unreadable amount": Scenario(
        lambda p: [stripe.awaiting(p), stripe.async_paid(p)], mismatch("amount_mismatch"), {"amount": NEVER_MATCHES}
    ),
    "unreadable currency": Scenario(
        lambda p: [stripe.declined(p), stripe.completed(p)],
        mismatch("currency_mismatch"),
        {"currency": UNREADABLE_CURRENCY},
    ),
    "unreadable amount, completed by hand": Scenario(
        lambda p: [stripe.completed(p)], PAID, {"payment_status": Status.COMPLETED, "amount": NEVER_MATCHES}
    ),
    "completed by hand": Scenario(
        lambda p: [stripe.expired(p), stripe.declined(p)],
        {**PAID, "stripe_payment_intent": None},
        {"payment_status": Status.COMPLETED},
    ),
    "completed by hand then paid": Scenario(
        lambda p: [stripe.completed(p)], PAID, {"payment_status": Status.COMPLETED}
    ),
    "completed by hand, wrong amount": Scenario(
        lambda p: [stripe.completed(p, amount_total=1)],
        PAID,
        {"payment_status": Status.COMPLETED},
    ),
    "failed by hand then paid": Scenario(lambda p: [stripe.completed(p)], PAID, {"payment_status": Status.FAILED}),
    "expired by hand then declined": Scenario(
        lambda p: [stripe.declined(p)], EXPIRED, {"payment_status": Status.EXPIRED}
    ),
}
"""Records that people wrote."""

SESSION_SCENARIOS: Mapping[str, Scenario] = {
    **ONE_SESSION,
    **NOT_OURS,
    **TWO_SESSIONS,
    **TWO_ATTEMPTS,
    **RECOVERIES,
    **BY_HAND,
}
