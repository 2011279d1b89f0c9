from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from lea_payments.checkout.answer_bodies import CurrentPayment, PaymentWithHistory, PublishedPayment, with_link
from lea_payments.checkout.sessions import OpenCheckout
from lea_payments.payment.evidence import NEVER_MATCHES, UNREADABLE_CURRENCY, with_evidence
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import DisputeStatus, HistoryEntry, Payment
from lea_payments.payment.situations import REVIEW_REASONS
from lea_payments.store.table import PUBLISHED_FIELDS
from lea_payments.stripe.checkout_sessions import CheckoutSession

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)


def test_the_published_body_matches_the_contract() -> None:
    assert tuple(PublishedPayment.model_fields) == PUBLISHED_FIELDS


FACTS = {
    "cs_test_a": Fact(kind=Kind.SESSION, state="paid", amount=12000, currency="sgd", intent="pi_a"),
    "cs_test_b": Fact(kind=Kind.SESSION, state="paid", amount=12000, currency="sgd", intent="pi_b"),
    "re_2": Fact(kind=Kind.REFUND, state="pending", amount=200, intent="pi_a"),
    "re_1": Fact(kind=Kind.REFUND, state="succeeded", amount=1000, intent="pi_a"),
    "re_3": Fact(kind=Kind.REFUND, state="pending", amount=12000, intent="pi_b"),
    "du_1": Fact(kind=Kind.DISPUTE, state="needs_response", amount=12000, intent="pi_a", due=1767225600),
    "du_2": Fact(kind=Kind.DISPUTE, state="new_state"),
    "issfr_1": Fact(kind=Kind.WARNING, state="actionable", intent="pi_a"),
    "issfr_2": Fact(kind=Kind.WARNING, state="not_actionable", intent="pi_a"),
}
RECORD = Payment(
    payment_intent_id="payment_1",
    stripe_session_id="cs_test_a",
    stripe_payment_intent="pi_a",
    version=7,
    amount_refunded=1200,
    dispute_status=DisputeStatus.OPEN,
    facts=FACTS,
)


def body(record: Payment = RECORD) -> dict[str, Any]:
    return CurrentPayment.of(record, NOW).model_dump(mode="json")


def test_refunds_are_listed_with_their_states() -> None:
    assert body()["refunds"] == [
        {"id": "re_1", "amount": 1000, "stripe_payment_intent": "pi_a", "status": "succeeded"},
        {"id": "re_2", "amount": 200, "stripe_payment_intent": "pi_a", "status": "pending"},
        {"id": "re_3", "amount": 12000, "stripe_payment_intent": "pi_b", "status": "pending"},
    ]


def test_the_pending_amount_is_a_part_of_the_refunded_amount() -> None:
    """The refund of the duplicate is listed, but counts in neither of the two."""
    assert (body()["amount_refunded"], body()["amount_refund_pending"]) == (1200, 200)


def test_disputes_are_listed_with_stripes_status() -> None:
    assert body()["dispute_status"] == "open"
    first, second = body()["disputes"]
    assert first == {
        "id": "du_1",
        "amount": 12000,
        "stripe_payment_intent": "pi_a",
        "status": "needs_response",
        "evidence_due_by": "2026-01-01T00:00:00Z",
    }
    assert (second["status"], second["stripe_payment_intent"], second["evidence_due_by"]) == ("new_state", None, None)


def test_a_lost_appeal_has_stripes_status() -> None:
    record = Payment(payment_intent_id="payment_1", facts={"du_1": replace(FACTS["du_1"], state="appeal_lost")})

    assert body(record)["disputes"][0]["status"] == "lost"


@pytest.mark.parametrize("due", [10**20, -(10**15)], ids=["too late", "too early"])
def test_a_due_date_that_is_no_time_is_not_shown(due: int) -> None:
    record = Payment(payment_intent_id="payment_1", facts={"du_1": replace(FACTS["du_1"], due=due)})

    assert body(record)["disputes"][0]["evidence_due_by"] is None


def test_fraud_warnings_are_listed() -> None:
    assert body()["fraud_warnings"] == [{"id": "issfr_1", "actionable": True}, {"id": "issfr_2", "actionable": False}]


def test_a_record_without_facts_has_empty_lists() -> None:
    empty = body(Payment(payment_intent_id="payment_1"))

    assert [empty[name] for name in ("version", "refunds", "disputes", "fraud_warnings")] == [0, [], [], []]
    assert empty["amount_refund_pending"] == 0


def test_facts_from_published_fields_are_not_objects() -> None:
    by_hand = Payment(payment_intent_id="payment_1", amount_refunded=500, dispute_status=DisputeStatus.OPEN)

    shown = body(replace(by_hand, facts=with_evidence(by_hand)))

    assert (shown["amount_refunded"], shown["dispute_status"]) == (500, "open")
    assert shown["refunds"] == shown["disputes"] == []


@pytest.mark.parametrize(
    ("field", "words"),
    [("status_reason", REVIEW_REASONS), ("dispute_status", DisputeStatus)],
    ids=["reasons that need a person", "statuses of disputes"],
)
def test_the_description_names_every_value(field: str, words: Iterable[str]) -> None:
    description = CurrentPayment.model_json_schema()["properties"][field]["description"]

    assert [word for word in words if word not in description] == []


def test_the_history_has_one_line_per_event() -> None:
    entry = HistoryEntry("evt_1", "charge.refunded", "applied", "pending", "completed", "2026-01-01T00:00:00Z", None)
    record = Payment(payment_intent_id="payment_1", history=(entry,))

    (line,) = PaymentWithHistory.of(record, NOW).history

    assert line.model_dump() == asdict(entry) | {"at": "2026-01-01T00:00:00.000Z"}


def test_a_history_written_by_hand_has_null_for_other_words() -> None:
    entry = HistoryEntry("", "", "fine", "new", "", "yesterday", None)
    record = Payment(payment_intent_id="payment_1", history=(entry,))

    (line,) = PaymentWithHistory.of(record, NOW).history

    assert (line.outcome, line.status_from, line.status_to, line.at) == (None, None, None, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-01T08:00:00.000Z", "2026-01-01T08:00:00.000Z"),
        ("2026-01-01T08:00:00.123456+08:00", "2026-01-01T00:00:00.123Z"),
        ("2026-01-01T08:00:00", "2026-01-01T08:00:00.000Z"),
        ("2026-01-01", "2026-01-01T00:00:00.000Z"),
        ("yesterday", None),
        ("0001-01-01T00:00:00+08:00", None),
        (None, None),
    ],
)
def test_a_time_is_shown_in_utc_or_not_at_all(text: str | None, shown: str | None) -> None:
    assert body(Payment(payment_intent_id="payment_1", created_at=text))["created_at"] == shown


def test_an_unreadable_amount_or_currency_is_null() -> None:
    record = Payment(payment_intent_id="payment_1", amount=NEVER_MATCHES, currency=UNREADABLE_CURRENCY)

    assert (body(record)["amount"], body(record)["currency"]) == (None, None)


OPEN = Payment(
    payment_intent_id="payment_1",
    stripe_session_id="cs_test_a",
    checkout_attempt=1,
    checkout_attempt_at="2026-01-01T00:00:00.000Z",
)
DECLINE = Fact(kind=Kind.INTENT, state="declined", code="card_declined", attempt=1)


def _session(state: str) -> dict[str, Fact]:
    return {"cs_test_a": Fact(kind=Kind.SESSION, state=state, amount=12000, currency="sgd", intent="pi_a", attempt=1)}


@pytest.mark.parametrize(
    ("record", "final", "payable"),
    [
        (OPEN, False, True),
        (replace(OPEN, checkout_attempt_at=None, checkout_attempt=0), False, True),
        (replace(OPEN, stripe_session_id=None), False, False),
        (replace(OPEN, checkout_attempt_at="2025-12-31T02:00:00.000Z"), False, False),
        (replace(OPEN, facts={"pi_a": DECLINE}), False, True),
        (replace(OPEN, facts={"pi_a": DECLINE, **_session("expired")}), True, False),
        (replace(OPEN, facts=_session("unpaid")), False, False),
        (replace(OPEN, facts=_session("failed")), True, False),
        (replace(OPEN, facts=_session("paid")), True, False),
        (replace(OPEN, amount=1, facts=_session("paid")), True, False),
    ],
    ids=[
        *("open", "session by hand", "no session yet", "past its end", "declined", "expired after a decline"),
        *("awaiting funds", "delayed payment failed", "paid", "wrong amount"),
    ],
)
def test_a_payment_says_if_it_is_final_and_payable(record: Payment, *, final: bool, payable: bool) -> None:
    assert (body(record)["final"], body(record)["payable"]) == (final, payable)


def test_the_stored_name_and_language_are_shown() -> None:
    shown = body(replace(OPEN, product_name="Travel insurance", checkout_locale="ta"))

    assert (shown["product_name"], shown["locale"]) == ("Travel insurance", "ta")


def test_a_link_has_its_url_and_its_end_in_utc() -> None:
    session = CheckoutSession("cs_1", "open", "https://pay.example/1", 1767225600)
    checkout = OpenCheckout(Payment(payment_intent_id="payment_1"), session, reused=False)

    link = with_link(checkout, NOW).link

    assert (link.url, link.expires_at) == ("https://pay.example/1", "2026-01-01T00:00:00Z")
