import pytest
from msgspec.structs import replace

from lea_payments.commands.at_stripe import sessions
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import UNKNOWN_INTENT, UNKNOWN_SESSION
from lea_payments.payment.record import Payment, Status
from lea_payments.text.words import counted
from tests.support.scenarios import record

HOUR = 3600
CREATED = 1_767_225_600
"""2026-01-01T00:00:00Z, when the record was created, in seconds since 1970."""
SOON, LATER = "2026-01-01T20:00:00.000Z", "2026-01-09T00:00:00.000Z"


def _record(**fields: object) -> Payment:
    return replace(record("payment_1"), **fields)


def test_known_ids_are_those_of_stripe() -> None:
    facts = {
        "cs_b": Fact(kind=Kind.SESSION, state="paid", intent="pi_b"),
        UNKNOWN_SESSION: Fact(kind=Kind.SESSION, state="paid", intent=UNKNOWN_INTENT),
    }
    payment = _record(other_session_id="cs_c", stripe_payment_intent="pi_a", facts=facts)

    assert sessions.known_ids(payment, "cs_") == ["cs_b", "cs_c", "cs_test_a"]
    assert sessions.known_ids(payment, "pi_") == ["pi_a", "pi_b"]


@pytest.mark.parametrize(
    ("fields", "known", "expected"),
    [
        ({"checkout_attempt": 1}, ["cs_a"], False),
        ({}, ["cs_a"], False),
        ({"stripe_session_id": None}, ["cs_a"], False),
        ({"stripe_session_id": None}, [], True),
        ({"checkout_attempt": 1, "stripe_session_id": None}, ["cs_a"], True),
        ({"checkout_attempt": 3}, ["cs_a", "cs_b"], True),
        ({"checkout_attempt": 1, "payment_status": Status.EXPIRED}, ["cs_a"], True),
    ],
    ids=["all", "by hand", "by its PaymentIntent", "none", "attempt without an id", "third link", "not paid"],
)
def test_a_record_may_not_know_all_sessions(fields: dict[str, object], known: list[str], *, expected: bool) -> None:
    payment = _record(**{"payment_status": Status.COMPLETED, **fields})

    assert sessions.may_have_others(payment, known) is expected


@pytest.mark.parametrize(
    ("attempt_at", "windows"),
    [
        (None, [(-1, 26)]),
        (SOON, [(-1, 46)]),
        (LATER, [(-1, 26), (191, 218)]),
    ],
    ids=["unknown attempt", "one window", "two windows"],
)
def test_the_windows_contain_the_first_and_last_attempt(attempt_at: str | None, windows: list[tuple[int, int]]) -> None:
    found = sessions.search_windows(_record(checkout_attempt_at=attempt_at), CREATED)

    assert [((since - CREATED) / HOUR, (until - CREATED) / HOUR) for since, until in found] == windows


@pytest.mark.parametrize(
    ("attempt", "attempt_at", "known", "number"),
    [
        (1, None, [], 0),
        (2, SOON, ["cs_a"], 0),
        (2, None, ["cs_a"], 1),
        (3, LATER, ["cs_a", "cs_b"], 1),
        (3, LATER, ["cs_a", "cs_b", "cs_c"], 0),
    ],
    ids=["first attempt", "one window", "unknown time", "between the windows", "all found"],
)
def test_what_was_not_searched_is_named(attempt: int, attempt_at: str | None, known: list[str], number: int) -> None:
    payment = _record(checkout_attempt=attempt, checkout_attempt_at=attempt_at)

    sentences = sessions.unsearched(payment, sessions.search_windows(payment, CREATED), known)

    assert len(sentences) == number
    assert all(f"checkout began {counted(attempt, 'attempt')}, but" in each for each in sentences)


@pytest.mark.parametrize("text", [None, "", "yesterday"])
def test_a_creation_time_can_be_unknown(text: str | None) -> None:
    assert sessions.created_at(_record(created_at=text)) is None


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00"])
def test_a_creation_time_is_in_utc(text: str) -> None:
    assert sessions.created_at(_record(created_at=text)) == CREATED


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({"status": "expired", "after_expiration": {"recovery": {"enabled": True}}}, True),
        ({"status": "expired", "after_expiration": {"recovery": {"enabled": False}}}, False),
        ({"status": "expired", "after_expiration": None}, False),
        ({"status": "open", "after_expiration": {"recovery": {"enabled": True}}}, False),
    ],
    ids=["recoverable", "not enabled", "without recovery", "open"],
)
def test_only_an_expired_session_is_recoverable(session: dict[str, object], *, expected: bool) -> None:
    assert sessions.is_recoverable(session) is expected


def test_a_session_that_continues_another_is_not_searched() -> None:
    assert sessions.recovery_not_searched("cs_a").startswith("cs_a: it expired, and the customer can continue it")
