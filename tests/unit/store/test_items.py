from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.payment.record import Dispute, HistoryEntry, Payment, Status
from lea_payments.payment.rules import DEFAULT_RANKS, RULES
from lea_payments.store.items import attributes_of, item_of, item_of_entry, payment_of

ENTRY = HistoryEntry("evt_1", "charge.refunded", "applied", "pending", "completed", "t", None)
TEXTS = st.none() | st.text(min_size=1, max_size=5)
RECORDS = st.builds(
    Payment,
    payment_intent_id=st.just("payment_1"),
    user_id=TEXTS,
    stripe_session_id=TEXTS,
    payment_status=st.sampled_from(Status),
    status_rank=st.sampled_from([0, *(rule.rank for rule in RULES.values())]),
    status_reason=TEXTS,
    amount=st.none() | st.integers(0, 10**12),
    amount_refunded=st.integers(0, 10**12),
    dispute_status=st.sampled_from(Dispute),
    session_closed=st.booleans(),
    checkout_attempt=st.integers(0, 9),
    history=st.lists(st.just(ENTRY) | st.just(ENTRY._replace(trace_id="a" * 32)), max_size=3).map(tuple),
)


def _read(**attributes: dict[str, Any]) -> Payment:
    return payment_of({"payment_intent_id": {"S": "payment_1"}, **attributes})


@given(RECORDS)
def test_a_record_survives_the_round_trip_to_an_item(record: Payment) -> None:
    assert payment_of(item_of(record)) == record


def test_fields_that_are_not_set_are_not_in_the_item() -> None:
    item = item_of(Payment(payment_intent_id="payment_1"))

    assert item == {
        "payment_intent_id": {"S": "payment_1"},
        "payment_status": {"S": "pending"},
        "status_rank": {"N": "0"},
        "history": {"L": []},
    }


@pytest.mark.parametrize(
    ("field", "value", "attribute"),
    [
        ("amount", 0, {"N": "0"}),
        ("amount_refunded", 700, {"N": "700"}),
        ("dispute_status", Dispute.LOST, {"S": "lost"}),
        ("session_closed", True, {"BOOL": True}),
        ("payment_status", Status.FAILED, {"S": "failed"}),
        ("history", (ENTRY,), {"L": [item_of_entry(ENTRY)]}),
    ],
)
def test_each_field_has_its_own_type(field: str, value: object, attribute: dict[str, Any]) -> None:
    record = Payment(payment_intent_id="payment_1", **{field: value})  # type: ignore[arg-type]

    assert attributes_of(record, [field]) == {field: attribute}


def test_only_the_named_fields_are_in_the_attributes() -> None:
    record = Payment(payment_intent_id="payment_1", amount=4999, currency="sgd")

    assert attributes_of(record, ("currency", "user_id")) == {"currency": {"S": "sgd"}}


def test_an_item_with_only_its_key_is_a_pending_payment() -> None:
    assert _read() == Payment(payment_intent_id="payment_1")


@pytest.mark.parametrize("status", Status)
def test_a_status_without_a_rank_gets_its_default_rank(status: Status) -> None:
    record = _read(payment_status={"S": status.value.upper()})

    assert (record.payment_status, record.status_rank) == (status, DEFAULT_RANKS[status])


def test_an_unknown_status_counts_as_pending() -> None:
    assert _read(payment_status={"S": "paid"}).payment_status is Status.PENDING


@pytest.mark.parametrize(
    ("attribute", "amount"),
    [
        ({"N": "4999"}, 4999),
        ({"S": "4999"}, 4999),
        ({"N": "4999.0"}, 4999),
        ({"N": "49.99"}, -1),
        ({"S": "Infinity"}, -1),
        ({"S": "a lot"}, -1),
        ({"NULL": True}, None),
    ],
    ids=["number", "text", "point zero", "fraction", "infinite", "words", "null"],
)
def test_an_amount_by_hand_is_a_whole_number_or_none(attribute: dict[str, Any], amount: int | None) -> None:
    assert _read(amount=attribute).amount == amount


@pytest.mark.parametrize(
    ("attribute", "dispute"),
    [({"S": "Won"}, Dispute.WON), ({"S": "unheard-of"}, Dispute.NONE), ({"BOOL": True}, Dispute.NONE)],
)
def test_an_unknown_dispute_counts_as_none(attribute: dict[str, Any], dispute: Dispute) -> None:
    assert _read(dispute_status=attribute).dispute_status is dispute


def test_a_number_where_text_belongs_is_read_as_text() -> None:
    assert _read(user_id={"N": "42"}).user_id == "42"


def test_an_entry_without_fields_is_read_as_empty_text() -> None:
    record = _read(history={"L": [{"M": {"event_id": {"S": "evt_1"}}}, {"S": "no map"}]})

    assert record.history == (
        HistoryEntry("evt_1", "", "", "", "", "", None),
        HistoryEntry("", "", "", "", "", "", None),
    )
