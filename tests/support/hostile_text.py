"""Generates text that controls a terminal, records that are full of it, and finds what of it is left in an output."""

import re
import unicodedata
from typing import Any

from hypothesis import strategies as st

from lea_payments.payment.facts import STATES, Fact, Kind
from lea_payments.payment.record import DisputeStatus, HistoryEntry, Payment, Status

CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4=\x07"
CASES = (
    *("\x1b[31mred\x1b[0m", CLIPBOARD, "\x9b2J", "\x7f", "\r✓ paid", "a\nb", "a\tb", "\u202egnp", "\u2066x", "\u2028"),
    *(
        "\u2029",
        "\ufeff",
        "\u200d",
        "\U000e0041",
        "\ud83d",
        "\udc80",
        "[red]",
        "[/]",
        "[link=https://x.example]y[/link]",
    ),
)
HOSTILE = (
    st.sampled_from(CASES)
    | st.text(st.characters(codec=None), max_size=6)
    | st.lists(st.sampled_from(CASES), min_size=1, max_size=3).map("".join)
)
"""Text of any characters, lone surrogates too."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ids = st.sampled_from(["cs_", "pi_", "re_", "du_", "ch_", "evt_", ""])


def controls(output: str) -> set[str]:
    """The characters in the output that a terminal interprets, besides our own line ends and colours."""
    shown = _COLOURS.sub("", output).replace("\n", "")
    return {each for each in shown if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


_object_ids = st.builds(str.__add__, _ids, HOSTILE)
_numbers = st.integers(0, 10**15)
_facts = st.builds(
    Fact,
    kind=st.sampled_from([*Kind, "unknown"]),
    state=st.sampled_from([state for states in STATES.values() for state in states]) | HOSTILE,
    amount=_optional(_numbers),
    currency=_optional(HOSTILE),
    intent=_optional(_object_ids),
    attempt=_optional(_numbers),
    code=_optional(HOSTILE),
    due=_optional(_numbers),
)
_entries = st.builds(HistoryEntry, _object_ids, *[HOSTILE] * 5, _optional(HOSTILE))
_TEXTS = tuple(name for name, kind in Payment.__annotations__.items() if kind == str | None)
RECORDS = st.builds(
    Payment,
    payment_intent_id=HOSTILE,
    **{name: _optional(HOSTILE) for name in _TEXTS if "session" not in name and "intent" not in name},
    stripe_session_id=_optional(_object_ids),
    other_session_id=_optional(_object_ids),
    stripe_payment_intent=_optional(_object_ids),
    payment_status=st.sampled_from(Status),
    dispute_status=st.sampled_from(DisputeStatus),
    amount=_optional(_numbers),
    amount_refunded=_numbers,
    facts=st.dictionaries(_object_ids, _facts, max_size=4),
    history=st.lists(_entries, max_size=3).map(tuple),
)
"""Records whose texts can be anything."""
