from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.payment.facts import STATES, Fact, Kind
from lea_payments.payment.record import DisputeStatus, HistoryEntry, Payment, Status
from lea_payments.store.items import attributes_of, item_of_entry, payment_of

ENTRY = HistoryEntry("evt_1", "charge.refunded", "applied", "pending", "completed", "t", None)
TEXTS = st.none() | st.text(min_size=1, max_size=5)
NUMBERS = st.none() | st.integers(0, 10**12)
REFUNDS = st.builds(
    Fact,
    kind=st.just(Kind.REFUND.value),
    state=st.sampled_from(STATES[Kind.REFUND]),
    amount=NUMBERS,
    currency=TEXTS,
    intent=TEXTS,
    attempt=NUMBERS,
    code=TEXTS,
    due=NUMBERS,
    method=TEXTS,
)
RECORDS = st.builds(
    Payment,
    payment_intent_id=st.just("payment_1"),
    user_id=TEXTS,
    stripe_session_id=TEXTS,
    other_session_id=TEXTS,
    version=NUMBERS,
    status_rank=st.sampled_from([None, 0]),
    status_reason=TEXTS,
    amount=NUMBERS,
    facts=st.dictionaries(st.text(min_size=1, max_size=5), REFUNDS, max_size=3),
    checkout_attempt=st.integers(0, 9),
    history=st.lists(st.just(ENTRY) | st.just(replace(ENTRY, trace_id="a" * 32)), max_size=3).map(tuple),
)


def _read(**attributes: dict[str, Any]) -> Payment:
    return payment_of({"payment_intent_id": {"S": "payment_1"}, **attributes})


@given(RECORDS)
def test_a_record_survives_the_round_trip_to_an_item(record: Payment) -> None:
    assert payment_of(attributes_of(record)) == record


def test_fields_that_are_not_set_are_not_in_the_item() -> None:
    item = attributes_of(Payment(payment_intent_id="payment_1"))

    assert item == {"payment_intent_id": {"S": "payment_1"}, "payment_status": {"S": "pending"}}


@pytest.mark.parametrize(
    ("field", "value", "attribute"),
    [
        ("amount", 0, {"N": "0"}),
        ("amount_refunded", 700, {"N": "700"}),
        ("dispute_status", DisputeStatus.LOST, {"S": "lost"}),
        ("payment_status", Status.FAILED, {"S": "failed"}),
        ("version", 3, {"N": "3"}),
        ("history", (ENTRY,), {"L": [item_of_entry(ENTRY)]}),
        (
            "facts",
            {"re_1": Fact(kind="refund", state="pending", amount=5, currency="sgd", intent="pi_1", attempt=2, due=9)},
            {
                "M": {
                    "re_1": {
                        "M": {
                            "k": {"S": "refund"},
                            "s": {"S": "pending"},
                            "a": {"N": "5"},
                            "c": {"S": "sgd"},
                            "p": {"S": "pi_1"},
                            "n": {"N": "2"},
                            "d": {"N": "9"},
                        }
                    }
                }
            },
        ),
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
def test_a_status_is_read_in_any_letter_case(status: Status) -> None:
    assert _read(payment_status={"S": status.value.upper()}).payment_status is status


@pytest.mark.parametrize("attribute", [{"S": "paid"}, {"NULL": True}, {"N": "1"}, {"M": {}}])
def test_an_unknown_status_counts_as_pending(attribute: dict[str, Any]) -> None:
    assert _read(payment_status=attribute).payment_status is Status.PENDING


@pytest.mark.parametrize(
    ("attribute", "amount"),
    [
        ({"N": "4999"}, 4999),
        ({"S": "4999"}, 4999),
        ({"N": "4999.0"}, 4999),
        ({"N": "49.99"}, -1),
        ({"N": "1E+125"}, -1),
        ({"S": "Infinity"}, -1),
        ({"S": "a lot"}, -1),
        ({"S": " "}, -1),
        ({"M": {}}, -1),
        ({"M": {"value": {"N": "4999"}}}, -1),
        ({"L": [{"N": "4999"}]}, -1),
        ({"BOOL": True}, -1),
        ({"B": b"4999"}, -1),
        ({"NS": ["4999"]}, -1),
        ({"NULL": True}, None),
        ({"S": ""}, None),
    ],
    ids=[
        *("number", "text", "point zero", "fraction", "huge", "infinite", "words", "blank", "empty map", "map"),
        *("list", "boolean", "bytes", "set", "null", "empty"),
    ],
)
def test_an_amount_is_readable_or_matches_nothing(attribute: dict[str, Any], amount: int | None) -> None:
    """An absent amount accepts any money, so only what says nothing counts as absent."""
    assert _read(amount=attribute).amount == amount


@pytest.mark.parametrize(
    ("attribute", "currency"),
    [
        ({"S": "SGD"}, "SGD"),
        ({"N": "702"}, "702"),
        ({"M": {"code": {"S": "sgd"}}}, "unreadable"),
        ({"L": []}, "unreadable"),
        ({"BOOL": False}, "unreadable"),
        ({"B": b"sgd"}, "unreadable"),
        ({"SS": ["sgd"]}, "unreadable"),
        ({"NULL": True}, None),
        ({"S": ""}, None),
    ],
    ids=["text", "number", "map", "list", "boolean", "bytes", "set", "null", "empty"],
)
def test_a_currency_is_readable_or_matches_nothing(attribute: dict[str, Any], currency: str | None) -> None:
    assert _read(currency=attribute).currency == currency


@pytest.mark.parametrize("attribute", [{"N": "1E+125"}, {"N": "1.5"}, {"S": "x"}, {"L": []}, {"BOOL": True}])
@pytest.mark.parametrize("field", ["version", "status_rank", "amount_refunded", "checkout_attempt"])
def test_what_is_no_count_counts_as_absent(field: str, attribute: dict[str, Any]) -> None:
    assert getattr(_read(**{field: attribute}), field) in (None, 0)


def test_a_negative_attempt_counts_as_none() -> None:
    assert _read(checkout_attempt={"N": "-1"}).checkout_attempt == 0


@pytest.mark.parametrize(
    ("attribute", "dispute"),
    [
        ({"S": "Won"}, DisputeStatus.WON),
        ({"S": "unheard-of"}, DisputeStatus.NONE),
        ({"BOOL": True}, DisputeStatus.NONE),
    ],
)
def test_an_unknown_dispute_counts_as_none(attribute: dict[str, Any], dispute: DisputeStatus) -> None:
    assert _read(dispute_status=attribute).dispute_status is dispute


def test_a_number_where_text_belongs_is_read_as_text() -> None:
    assert _read(user_id={"N": "42"}).user_id == "42"


def test_an_entry_without_fields_is_read_as_empty_text() -> None:
    record = _read(history={"L": [{"M": {"event_id": {"S": "evt_1"}}}, {"S": "no map"}, {"M": {}}]})

    assert record.history == (
        HistoryEntry("evt_1", "", "", "", "", "", None),
        HistoryEntry("", "", "", "", "", "", None),
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"S": "x"},
        {"M": {}},
        {"M": {"k": {"S": "refund"}}},
        {"M": {"k": {"S": "refund"}, "s": {"NULL": True}}},
        {"M": {"k": {"S": "x" * 256}, "s": {"S": "pending"}}},
    ],
    ids=["text", "empty", "no state", "null", "too long"],
)
def test_a_fact_without_kind_and_state_is_left_out(entry: dict[str, Any]) -> None:
    assert _read(facts={"M": {"re_1": entry}}).facts == {}


def test_a_fact_with_an_endless_id_is_left_out() -> None:
    entry = {"M": {"k": {"S": "refund"}, "s": {"S": "pending"}}}

    assert list(_read(facts={"M": {"re_1": entry, "r" * 256: entry}}).facts) == ["re_1"]


def test_a_field_of_another_type_in_a_fact_is_left_out() -> None:
    entry = {"M": {"k": {"S": "refund"}, "s": {"S": "pending"}, "a": {"S": "much"}, "p": {"M": {}}}}

    assert _read(facts={"M": {"re_1": entry}}).facts == {"re_1": Fact(kind="refund", state="pending")}


def test_a_former_session_of_version_0_1_0_is_the_other_one() -> None:
    former = {"checkout_former_session": {"S": "cs_former"}}

    assert _read(**former).other_session_id == "cs_former"
    other = {"other_session_id": {"S": "cs_other"}}
    assert _read(**former, **other, stripe_session_id={"S": "cs_current"}).other_session_id == "cs_other"


def test_a_former_session_outweighs_a_link_that_waits() -> None:
    """A pod of version 0.1.0 has started the new attempt, and knows only its own field."""
    names = ("checkout_former_session", "other_session_id")

    read = _read(**{name: {"S": f"cs_{name}"} for name in names})

    assert read.other_session_id == "cs_checkout_former_session"


def test_published_fields_are_read_as_evidence() -> None:
    [fact] = _read(payment_status={"S": "completed"}).facts.values()

    assert (fact.kind, fact.state) == ("session", "paid")


@pytest.mark.parametrize(
    ("text", "amount"),
    [("120.00", 120), (" 120 ", 120), ("120.5", -1), ("-5", -5), ("9" * 30, -1), ("1E+400000", -1), ("much", -1)],
)
def test_an_amount_as_text_is_not_absent(text: str, amount: int | None) -> None:
    """An absent amount accepts any money, so a number that a person wrote as text must count."""
    assert payment_of({"payment_intent_id": {"S": "payment_1"}, "amount": {"S": text}}).amount == amount
