"""Records that version 0.1.0 has written are read as evidence, and later events go on from there."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.record import Payment, Status
from lea_payments.payment.situations import Situation
from lea_payments.payment.status import status_of
from lea_payments.store.items import attributes_of, payment_of
from lea_payments.stripe import events, facts
from lea_payments.stripe.translation.object_fact import ObjectFact
from tests.upgrade.events import AMOUNT, Objects
from tests.upgrade.frozen import frozen, kinds

AT = "2027-01-01T00:00:00.000Z"
PUBLISHED = (
    "payment_status",
    "status_reason",
    "stripe_session_id",
    "stripe_payment_intent",
    "amount_refunded",
    "dispute_status",
)
SITUATIONS: Mapping[Situation, tuple[str, ...]] = {
    Situation.PENDING: (
        "untouched",
        "second_link",
        "second_link_waits_for_its_session",
        "by_hand_pending",
        "by_hand_pending_with_ids",
        "by_hand_with_a_key_only",
        "by_hand_without_status",
    ),
    Situation.DECLINED: (
        "declined",
        "declined_twice",
        "second_link_declined",
        "by_hand_failed",
        "by_hand_failed_with_ids",
    ),
    Situation.EXPIRED: (
        "expired",
        "expired_after_a_decline",
        "second_link_expired",
        "by_hand_expired",
        "by_hand_expired_with_ids",
    ),
    Situation.ASYNC_FAILED: ("async_failed",),
    Situation.AWAITING_FUNDS: ("awaiting_funds", "by_hand_then_awaiting_funds"),
    Situation.MISMATCH: ("amount_mismatch", "currency_mismatch"),
    Situation.PAID: (
        "completed",
        "completed_free_of_charge",
        "completed_after_a_decline",
        "completed_by_a_delayed_method",
        "partly_refunded",
        "fully_refunded",
        "refund_failed",
        "dispute_open",
        "dispute_under_review",
        "dispute_won",
        "dispute_lost",
        "dispute_lost_and_refunded_in_part",
        "full_history",
        "second_link_completed",
        "by_hand_completed",
        "by_hand_completed_with_ids",
        "by_hand_then_completed",
        "by_hand_without_amount_then_completed",
        "by_hand_completed_then_paid",
    ),
    Situation.PAID_TWICE: ("paid_twice", "paid_twice_and_one_refunded", "completed_after_a_mismatch"),
}
KINDS = {kind: situation for situation, kinds in SITUATIONS.items() for kind in kinds}
COMPLETED = [kind for kind in KINDS if KINDS[kind] in (Situation.PAID, Situation.PAID_TWICE)]
NOT_COMPLETED = [kind for kind in KINDS if kind not in COMPLETED]
RESOLVED_BY_COPIES: Mapping[str, Mapping[str, Any]] = {
    "refund_failed": {"amount_refunded": 0},
    "paid_twice_and_one_refunded": {"status_reason": None, "amount_refunded": 0},
}
"""What version 0.1.0 could not store: that a refund does not stand, and whose money was refunded."""


def record_of(kind: str) -> Payment:
    """The record as this version reads it."""
    return payment_of(frozen(kind)["item"])


def published(record: Payment) -> dict[str, Any]:
    """The fields that events can change."""
    return {name: getattr(record, name) for name in PUBLISHED}


def objects_of(kind: str) -> Objects:
    """The ids of the record's current objects; new ones where it has none."""
    record = record_of(kind)
    # The session of an attempt that waits will be created by this version, which writes the attempt into its metadata.
    attempt = str(record.checkout_attempt) if record.checkout_attempt and record.stripe_session_id is None else ""
    session, intent = record.stripe_session_id or "cs_new", record.stripe_payment_intent or "pi_new"
    return Objects(record.payment_intent_id, session, intent, attempt)


def after(record: Payment, *bodies: bytes) -> Payment:
    """The record after these events, stored and read again after each."""
    for body in bodies:
        event = events.translate(body, livemode=False)
        assert isinstance(event, PaymentEvent)
        applied = changes.apply(record, event, AT).after
        assert applied is not None
        record = payment_of(attributes_of(applied))
    return record


def copies(kind: str) -> list[bytes]:
    """The events that version 0.1.0 applied."""
    return [json.dumps(event).encode() for event in frozen(kind)["events"]]


def resolved_by_copies(kind: str) -> dict[str, Any]:
    """The fields that copies of the events correct."""
    return {**RESOLVED_BY_COPIES.get(kind, {}), **_payer(kind)}


def _payer(kind: str) -> dict[str, Any]:
    """The payer of the requested amount, where the record names another one."""
    if kind != "completed_after_a_mismatch":
        return {}
    other = objects_of(kind).other("b")
    return {"stripe_session_id": other.session, "stripe_payment_intent": other.intent}


def test_each_frozen_record_has_a_situation() -> None:
    assert kinds() == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_record_has_its_situation(kind: str) -> None:
    assert status_of(record_of(kind)).situation is KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_published_fields_are_read_as_they_are(kind: str) -> None:
    texts = {name: next(iter(value.values())) for name, value in frozen(kind)["item"].items()}

    record = record_of(kind)

    assert record.payment_status == texts.get("payment_status", "pending")
    assert record.stripe_session_id == texts.get("stripe_session_id")
    assert record.stripe_payment_intent == texts.get("stripe_payment_intent")
    assert record.status_reason == texts.get("status_reason")
    assert record.amount_refunded == int(texts.get("amount_refunded", 0))
    assert record.dispute_status == texts.get("dispute_status", "none")
    assert len(record.history) == len(texts.get("history", ()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_write_keeps_published_fields(kind: str) -> None:
    record = record_of(kind)
    reason = "unknown" if kind.startswith("by_hand_failed") else record.status_reason

    written = changes.derive(record)

    assert published(written) == published(replace(record, status_reason=reason))


@pytest.mark.parametrize("kind", KINDS)
def test_evidence_adds_nothing_after_a_write(kind: str) -> None:
    written = changes.derive(record_of(kind))

    read_again = payment_of(attributes_of(written))

    assert read_again.facts == written.facts
    assert with_evidence(read_again) is read_again.facts
    assert published(changes.derive(read_again)) == published(written)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if frozen(kind)["events"]])
def test_copies_of_applied_events_change_nothing(kind: str) -> None:
    record = record_of(kind)

    again = after(record, *copies(kind), *copies(kind))

    assert published(again) == published(record) | resolved_by_copies(kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if frozen(kind)["events"]])
def test_stripes_sessions_change_nothing(kind: str) -> None:
    """The reconciler reads the same sessions from a list; a second comparison finds nothing new."""
    record = record_of(kind)
    listed = [event["data"]["object"] for event in frozen(kind)["events"] if "session" in event["type"]]
    found = [facts.session_fact(json.dumps(session).encode()) for session in listed[-1:]]
    session_events = [events.payment_event("listed", "x", 0, fact) for fact in found if isinstance(fact, ObjectFact)]

    once = [changes.apply(record, event, AT).after for event in session_events]

    assert [published(item) for item in once if item] == [published(record) | _payer(kind)] * len(once)
    again = [changes.apply(item, event, AT) for item, event in zip(once, session_events, strict=True) if item]
    assert [applied.after is applied.before for applied in again] == [True] * len(once)


@pytest.mark.parametrize("kind", NOT_COMPLETED)
def test_money_completes_every_record(kind: str) -> None:
    objects = objects_of(kind).other("b")

    paid = after(record_of(kind), objects.paid(), objects.expired(), objects.declined())

    assert paid.payment_status is Status.COMPLETED
    assert paid.stripe_session_id == objects.session or KINDS[kind] is Situation.MISMATCH


@pytest.mark.parametrize("kind", COMPLETED)
def test_no_event_lowers_a_completed_record(kind: str) -> None:
    objects = objects_of(kind)

    later = after(record_of(kind), objects.expired(), objects.declined(), objects.unpaid(), objects.async_failed())

    assert later.payment_status is Status.COMPLETED
    assert later.amount_refunded == record_of(kind).amount_refunded


@pytest.mark.parametrize("kind", NOT_COMPLETED)
def test_an_expiry_goes_on_from_the_evidence(kind: str) -> None:
    stays = KINDS[kind] in (Situation.AWAITING_FUNDS, Situation.MISMATCH, Situation.ASYNC_FAILED)

    expired = after(record_of(kind), objects_of(kind).expired())

    assert expired.payment_status == (record_of(kind).payment_status if stays else Status.EXPIRED)


@pytest.mark.parametrize("kind", [kind for kind in COMPLETED if "by_hand" not in kind])
def test_a_refund_never_lowers_the_total(kind: str) -> None:
    record = record_of(kind)

    by_id = after(record, objects_of(kind).refund(9, 100))
    by_total = after(record, objects_of(kind).refunded(AMOUNT))

    assert by_id.amount_refunded == max(100, record.amount_refunded)
    assert by_total.amount_refunded == AMOUNT


def test_refunds_by_id_replace_an_old_total() -> None:
    objects = objects_of("partly_refunded")

    known = after(record_of("partly_refunded"), objects.refund(1, 2000), objects.refund(2, 3000), objects.refund(3, 50))
    failed = after(known, objects.refund(2, 3000, "failed", "refund.failed"))

    assert (known.amount_refunded, failed.amount_refunded) == (5050, 2050)


@pytest.mark.parametrize("refund", ["by id", "by total"])
def test_a_refunded_duplicate_resolves_a_review(refund: str) -> None:
    duplicate = objects_of("paid_twice").other("b")
    body = duplicate.refund(1, AMOUNT) if refund == "by id" else duplicate.refunded(AMOUNT)

    resolved = after(record_of("paid_twice"), body)

    assert (resolved.status_reason, resolved.amount_refunded) == (None, 0)
    assert resolved.stripe_payment_intent == record_of("paid_twice").stripe_payment_intent


def test_an_old_total_counts_without_a_payer() -> None:
    record = payment_of({**frozen("by_hand_pending")["item"], "amount_refunded": {"N": "700"}})

    assert changes.derive(record).amount_refunded == 700


@pytest.mark.parametrize("kind", ["dispute_won", "dispute_lost", "dispute_open", "completed"])
def test_a_new_dispute_is_never_hidden(kind: str) -> None:
    disputed = after(record_of(kind), objects_of(kind).dispute("needs_response", number=2))

    assert disputed.dispute_status == "open"


@pytest.mark.parametrize(
    ("known", "written", "expected"),
    [(1, "lost", "lost"), (1, "won", "open"), (2, "lost", "open"), (0, "won", "won"), (0, "lost", "lost")],
)
def test_an_old_pod_writes_a_dispute(known: int, written: str, expected: str) -> None:
    """It knows no ids: "lost" is that of the only known dispute, and no other status hides an open one."""
    objects = objects_of("dispute_open")
    bodies = [objects.dispute("needs_response", number=number) for number in range(known)]
    item = attributes_of(changes.derive(after(record_of("dispute_open"), *bodies)))

    read = payment_of({**item, "dispute_status": {"S": written}})

    assert changes.derive(read).dispute_status == expected


def test_an_expired_total_never_completes_a_mismatch() -> None:
    objects = objects_of("untouched")

    paid = after(record_of("untouched"), objects.expired(), objects.paid(amount_total=100))

    assert (paid.payment_status, paid.status_reason) == ("pending", "amount_mismatch")


def test_a_copy_repairs_what_an_old_pod_wrote() -> None:
    """The facts know that the duplicate is refunded; an old pod has written `paid_twice` again."""
    objects = objects_of("untouched")
    bodies = (objects.paid(), objects.other("b").paid(), objects.other("b").refund(1, AMOUNT))
    item = attributes_of(after(record_of("untouched"), *bodies))
    read = payment_of({**item, "status_reason": {"S": "paid_twice"}, "amount_refunded": {"N": str(AMOUNT)}})

    repaired = after(read, bodies[0])

    assert (repaired.status_reason, repaired.amount_refunded) == (None, 0)


WITH_MONEY = (Situation.PAID, Situation.PAID_TWICE, Situation.MISMATCH, Situation.AWAITING_FUNDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_0_1_0_can_be_canceled(kind: str) -> None:
    canceled = payment_of(attributes_of(changes.derive(replace(record_of(kind), canceled_at=AT))))

    assert status_of(canceled).situation is (KINDS[kind] if KINDS[kind] in WITH_MONEY else Situation.CANCELED)


@pytest.mark.parametrize(
    ("status", "rank", "reason", "situation"),
    [
        (Status.PENDING, 30, "awaiting_funds", Situation.AWAITING_FUNDS),
        (Status.FAILED, 40, "async_payment_failed", Situation.CANCELED),
        (Status.PENDING, 45, "amount_mismatch", Situation.MISMATCH),
        (Status.COMPLETED, 50, None, Situation.PAID),
        (Status.PENDING, 0, None, Situation.CANCELED),
    ],
    ids=["awaiting funds", "failed", "mismatch", "paid", "new link"],
)
def test_what_0_1_0_writes_on_a_canceled_record_is_read(
    status: Status, rank: int, reason: str | None, situation: Situation
) -> None:
    """It does not know the mark, and applies whatever has a greater rank than `expired`, or a new link."""
    canceled = changes.derive(replace(record_of("untouched"), canceled_at=AT))
    written = replace(canceled, payment_status=status, status_rank=rank, status_reason=reason)

    assert status_of(payment_of(attributes_of(written))).situation is situation
