"""Generates items as people write them: values of every DynamoDB type in every field of ours."""

from typing import Any

from hypothesis import strategies as st

from lea_payments.payment.facts import STATES, Kind
from lea_payments.payment.record import Payment, Status
from lea_payments.store import table
from lea_payments.store.items import Item, attributes_of, payment_of, unreadable_fields

TEXTS = st.text(max_size=6) | st.sampled_from(
    [
        *(
            "",
            "0",
            "12",
            "-1",
            "1.5",
            "Infinity",
            "null",
            "paid_twice",
            "early_fraud_warning",
            "by_hand",
            "won",
            "lost",
        ),
        *("completed", "FAILED", "expired", "pending", "paid", "open", "2026-01-01T00:00:00Z", "9999-12-31", "sgd"),
    ]
)
NUMBERS = st.sampled_from(
    ["0", "1", "2", "10", "20", "30", "40", "45", "50", "-1", "1.5", "4999", "1E+125", "-1E+125", "1E-130", "9" * 38]
)
_SCALARS = (
    st.builds(lambda text: {"S": text}, TEXTS)
    | st.builds(lambda number: {"N": number}, NUMBERS)
    | st.builds(lambda value: {"BOOL": value}, st.booleans())
    | st.builds(lambda value: {"B": value}, st.binary(max_size=4))
    | st.just({"NULL": True})
    | st.builds(lambda values: {"SS": values}, st.lists(st.text(min_size=1, max_size=4), min_size=1, unique=True))
    | st.builds(lambda values: {"NS": values}, st.lists(st.sampled_from(["1", "2.5", "-3"]), min_size=1, unique=True))
    | st.builds(lambda values: {"BS": values}, st.lists(st.binary(min_size=1, max_size=3), min_size=1, unique=True))
)
_NAMES = st.text(min_size=1, max_size=4)
VALUES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    _SCALARS,
    lambda inner: (
        st.builds(lambda values: {"L": values}, st.lists(inner, max_size=3))
        | st.builds(lambda values: {"M": values}, st.dictionaries(_NAMES, inner, max_size=3))
    ),
    max_leaves=6,
)
"""Values of every type of DynamoDB."""

_KINDS = st.builds(lambda kind: {"S": kind}, st.sampled_from([*map(str, Kind), "unknown"]))
_STATES = st.builds(
    lambda state: {"S": state}, st.sampled_from([state for states in STATES.values() for state in states])
)
_FACT_FIELDS = st.fixed_dictionaries(
    {}, optional={"k": _KINDS | VALUES, "s": _STATES | VALUES, **dict.fromkeys(("a", "c", "p", "n", "r", "d"), VALUES)}
)
_FACT_IDS = st.sampled_from(["cs_test_a", "cs_test_b", "pi_a", "re_a", "du_a", "too_many", "by_hand"]) | _NAMES
FACTS = st.builds(
    lambda facts: {"M": facts},
    st.dictionaries(_FACT_IDS, st.builds(lambda fields: {"M": fields}, _FACT_FIELDS) | VALUES, max_size=4),
)
_ENTRY_FIELDS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("event_id", "event_type", "outcome", "status_from", "status_to", "at"), VALUES)
)
HISTORIES = st.builds(
    lambda entries: {"L": entries},
    st.lists(st.builds(lambda fields: {"M": fields}, _ENTRY_FIELDS) | VALUES, max_size=3),
)
_STATUSES = st.builds(lambda status: {"S": status}, st.sampled_from(Status))

INDEX_KEYS = frozenset(index["KeySchema"][0]["AttributeName"] for index in table.INDEXES)
"""The fields for which DynamoDB itself accepts only a text, which cannot be empty."""

OWN_FIELDS = tuple(name for name in Payment.__struct_fields__ if name != table.KEY)
"""All fields of a record that a write of ours leaves with their type."""

OTHER_FIELDS = ("checkout_former_session", "session_closed")
"""Fields of version 0.1.0."""

_FIELDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    **dict.fromkeys((*OWN_FIELDS, *OTHER_FIELDS), VALUES),
    **dict.fromkeys(INDEX_KEYS, st.builds(lambda text: {"S": text}, TEXTS.filter(bool))),
    "payment_status": _STATUSES | VALUES,
    "facts": FACTS | VALUES,
    "history": HISTORIES | VALUES,
}

ODD_FIELDS: st.SearchStrategy[dict[str, dict[str, Any]]] = st.lists(
    st.sampled_from(sorted(_FIELDS)), min_size=1, max_size=5, unique=True
).flatmap(lambda names: st.fixed_dictionaries({name: _FIELDS[name] for name in names}))
"""Some fields with any value that DynamoDB accepts for them."""


def fields_of_another_type(item: Item) -> list[str]:
    """The fields of a record that do not have their own type. What was requested stays as it is if it is unreadable."""
    record = payment_of(item)
    proper = attributes_of(record)
    wrong = [name for name in OWN_FIELDS if name in item and item[name] != proper.get(name)]
    return [name for name in wrong if name not in unreadable_fields(record)]
