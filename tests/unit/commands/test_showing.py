"""The lines of `show`, what it finds, and what it says if it finds nothing."""

import json
from datetime import date
from queue import Queue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.commands import layout
from lea_payments.commands.amounts import plain_time, time_of
from lea_payments.commands.at_stripe.differences import Difference
from lea_payments.commands.at_stripe.fields import decoded, id_of
from lea_payments.commands.at_stripe.search import Match
from lea_payments.commands.at_stripe.state import StripeState
from lea_payments.commands.field_changes import field_changes
from lea_payments.commands.progress import Progress
from lea_payments.commands.replaying.lines import other_change, unmatched
from lea_payments.commands.showing.document import as_json
from lea_payments.commands.showing.explain import REFUNDS, UNKNOWN_REFUND
from lea_payments.commands.showing.findings import (
    DIFFERS,
    Findings,
    PaymentView,
    as_text,
    stray_advice,
    stray_answer,
)
from lea_payments.commands.showing.query import PaymentQuery, QueryError, checked, not_found
from lea_payments.commands.showing.timeline import WORDS, timeline
from lea_payments.payment import changes
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import HistoryEntry
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.text.words import counted
from tests.support.scenarios import record

LONG_ID = "cs_test_" + "a1B2" * 14 + "ab"


def _state(**fields: Any) -> StripeState:
    return StripeState([], [], [], [], [], record("payment_1"), needs_person=False)._replace(**fields)


def _lines(findings: Findings, width: int = 80) -> list[str]:
    return [line.plain for line in as_text(findings, width)]


def test_no_id_is_broken_at_80_columns() -> None:
    payment = replace(record("payment_1"), stripe_session_id=LONG_ID, other_session_id=LONG_ID, checkout_attempt_at="t")

    lines = _lines(Findings("payments", [PaymentView(payment, None)]))

    assert any(LONG_ID in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_a_canceled_payment_says_when() -> None:
    canceled = changes.derive(replace(record("payment_1"), canceled_at="2026-01-01T11:00:00.000Z"))

    lines = _lines(Findings("payments", [PaymentView(canceled, None)]))

    assert "the payment was canceled on 1 January 2026, 11:00 UTC" in " ".join(lines[:2])
    assert ["Canceled", "2026-01-01", "11:00:00", "UTC"] in [line.split() for line in lines]


@given(st.text(), st.integers(1, 200))
def test_no_word_is_lost_at_any_width(text: str, width: int) -> None:
    lines = list(layout.sentence(text.strip(), width, "!"))

    assert " ".join(lines).split()[1:] == " ".join(layout.sentence(text.strip(), 10**6)).split()


def test_several_payments_are_a_list() -> None:
    views = [PaymentView(record(f"payment_{number}"), None) for number in (1, 2)]

    lines = _lines(Findings("payments", views))

    assert lines[:3] == ["2 payments:", "  payment_1", "      Not paid yet: SGD 49.99 is due."]
    assert lines[-1] == "Show one of them: lea-payments show payment_1"


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, 0), ({"needs_person": True}, DIFFERS), ({"not_compared": ["re_a"]}, DIFFERS)],
    ids=["agrees", "needs a person", "not compared"],
)
def test_only_an_agreement_ends_with_0(fields: dict[str, Any], status: int) -> None:
    findings = Findings("payments", [PaymentView(record("payment_1"), _state(**fields))])

    assert findings.exit_status == status
    assert any("✓" in line for line in _lines(findings)) is (status == 0)


SESSION = {"object": "checkout.session", "id": "cs_a", "status": "complete", "payment_status": "paid"}


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (["payment_9"], "lea-payments replay --since 30d --payment payment_9"),
        ([], "another system on this Stripe account has made it"),
        (["mei@example.com"], "another system on this Stripe account has made it"),
    ],
    ids=["a lost record", "another system", "an address"],
)
def test_a_payment_without_a_record_has_advice(names: list[str], advice: str) -> None:
    match = Match({**SESSION, "amount_total": "SGD 50.00"}, names)

    assert stray_answer(match) == "Paid at Stripe: SGD 50.00, but it has no record."
    assert advice in stray_advice(match, "payments")
    assert "@" not in stray_advice(match, "payments")
    assert Findings("payments", [], [match]).exit_status == DIFFERS


@pytest.mark.parametrize(
    ("later", "sentence"),
    [
        ({"object": "refund", "status": "succeeded", "amount": "SGD 20.00"}, "SGD 20.00 has been refunded."),
        ({"object": "refund", "status": "pending", "amount": "SGD 20.00"}, "A refund of SGD 20.00 is pending."),
        ({"object": "refund", "status": "failed", "amount": "SGD 20.00"}, REFUNDS["failed"].format(amount="SGD 20.00")),
        ({"object": "refund", "status": "new", "amount": "SGD 20.00"}, UNKNOWN_REFUND.format(amount="SGD 20.00")),
        ({"object": "dispute", "status": "lost", "amount": "SGD 50.00"}, "A dispute about SGD 50.00 is lost."),
        ({"object": "dispute"}, "A dispute about an unknown amount is of an unknown status."),
        ({"object": "radar.early_fraud_warning", "actionable": True}, "Stripe warns of fraud."),
        (
            {"object": "radar.early_fraud_warning", "actionable": False},
            "Stripe's fraud warning needs no action any more.",
        ),
    ],
)
def test_what_followed_a_payment_without_a_record_is_said(later: dict[str, Any], sentence: str) -> None:
    match = Match({**SESSION, "amount_total": "SGD 50.00"}, ["payment_9"], "pi_a", [{"id": "re_a", **later}])

    assert stray_answer(match) == f"Paid at Stripe: SGD 50.00, but it has no record. {sentence}"
    assert any("re_a" in line.plain for line in as_text(Findings("payments", [], [match]), 80))


def test_what_could_not_be_read_is_said_once_and_in_json() -> None:
    match = Match({**SESSION, "amount_total": "SGD 50.00"}, ["payment_9"], "pi_a", not_read=["no permission"])
    findings = Findings("payments", [], [match, match], ["the search ended early"])

    lines = [line.plain for line in as_text(findings, 80)]
    shown = json.loads(as_json(findings))

    assert lines[-2:] == ["the search ended early", "no permission"]
    assert [each["not_read"] for each in shown] == [["no permission"]] * 2


def test_spaces_without_a_break_stay_as_they_are() -> None:
    text = "u\u00a0s\u3000r: lea-payments show payment_1"

    assert list(layout.fields([("User", text)], 80)) == [f"  User  {text}"]


@pytest.mark.parametrize("width", range(20, 120, 7))
def test_a_command_is_never_broken(width: int) -> None:
    match = Match({**SESSION, "amount_total": "SGD 50.00"}, ["ghost_1"])

    lines = [line.plain for line in as_text(Findings("payments", [], [match]), width)]

    assert any(line.endswith("lea-payments replay --since 30d --payment ghost_1") for line in lines)


def test_an_intent_without_a_session_is_named() -> None:
    match = Match({"object": "payment_intent", "id": "pi_a", "status": "succeeded", "amount": "SGD 1.00"})

    assert stray_answer(match) == "Stripe has pi_a (succeeded, SGD 1.00), but it has no record."


@pytest.mark.parametrize(
    ("arguments", "at_stripe", "message"),
    [
        ((None, None, None, None), True, "exactly one"),
        (("payment_1", "a@b.example", None, None), True, "exactly one"),
        ((None, None, "4242", None), True, "--card and --day belong together"),
        ((None, "a@b.example", None, None), False, "add --stripe"),
        ((None, "mei", None, None), True, "a whole address"),
        ((None, None, "4242424242424242", "2026-11-27"), True, "the last four digits"),
        ((None, None, "4242", "yesterday"), True, "is not the day of a payment"),
        ((None, None, "4242", "9999-12-31"), True, "is not the day of a payment"),
        ((None, None, "4242", "0001-01-01"), True, "is not the day of a payment"),
        ((" ", None, None, None), False, "the id is empty"),
        (("x" * 3000, None, None, None), False, "longer than 2048 bytes"),
        (("\udc80", None, None, None), False, "is not UTF-8"),
    ],
)
def test_arguments_that_cannot_work_are_explained(
    arguments: tuple[str | None, str | None, str | None, str | None], at_stripe: bool, message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        checked(*arguments, at_stripe=at_stripe)


def test_a_card_and_its_day_are_a_query() -> None:
    assert checked(None, None, "4242", "2026-11-27", at_stripe=True).day == date(2026, 11, 27)
    assert checked("payment_1", None, None, None, at_stripe=False) == PaymentQuery("payment_1")


def test_white_space_around_what_was_pasted_is_ignored() -> None:
    pasted = checked(" payment_1\n", None, None, None, at_stripe=False)

    assert pasted == PaymentQuery("payment_1", given_id=" payment_1\n")
    assert checked(None, " mei@example.com ", None, None, at_stripe=True) == PaymentQuery(email="mei@example.com")
    assert checked(None, None, "4242\t", " 2026-11-27", at_stripe=True) == PaymentQuery(
        card="4242", day=date(2026, 11, 27)
    )


@pytest.mark.parametrize(
    ("query", "at_stripe", "message"),
    [
        (PaymentQuery("payment_1"), False, "check the id, DDB_ENDPOINT"),
        (PaymentQuery("mei@example.com"), True, "an address needs --stripe --email mei@example.com"),
        (PaymentQuery("cs_1"), False, "add --stripe, which reads cs_1"),
        (PaymentQuery("re_1"), False, "reads the object and finds its payment"),
        (PaymentQuery("du_1"), True, "neither table payments nor Stripe has du_1"),
        (PaymentQuery("evt_1"), False, "lea-payments replay evt_1 --dry-run"),
        (PaymentQuery(email="a@b.example"), True, "no Checkout Session at Stripe has this e-mail address"),
        (PaymentQuery(card="4242", day=date(2026, 11, 27)), True, "4242 is at Stripe on 2026-11-27"),
    ],
)
def test_what_is_not_found_says_what_to_do(query: PaymentQuery, at_stripe: bool, message: str) -> None:
    (sentence,) = not_found(query, "payments", at_stripe=at_stripe)

    assert message in sentence


def test_every_event_type_has_words() -> None:
    assert WORDS.keys() == EVENT_TYPES.keys()


def test_the_timeline_has_the_cancellation_in_its_place() -> None:
    entries = tuple(
        HistoryEntry(f"evt_{at}", "checkout.session.expired", "applied", "pending", "pending", at, None)
        for at in ("2026-01-01T10:00:00.000Z", "2026-01-01T12:00:00.000Z")
    )
    canceled = replace(record("payment_1"), created_at=None, history=entries, canceled_at="2026-01-01T11:00:00.000Z")

    assert [step.what for step in timeline(canceled)] == [
        "the link expired",
        "the payment was canceled",
        "the link expired",
    ]


def test_the_timeline_begins_with_the_creation() -> None:
    at = "2026-11-27T10:02:03.000Z"
    entries = (
        HistoryEntry("evt_1", "checkout.session.completed", "applied", "pending", "completed", at, "abc"),
        HistoryEntry("re_1:failed", "refund", "review", "completed", "completed", at, None),
    )

    created, paid, failed = timeline(replace(record("payment_1"), history=entries))

    assert created == ("2026-01-01 00:00:00 UTC", "the payment was created", "")
    assert paid.what == "the customer finished the pay page: pending → completed"
    assert paid.source == "checkout.session.completed evt_1, trace abc"
    assert failed.what == "Stripe has re_1:failed; a person must look at it"
    assert list(timeline(replace(record("payment_1"), created_at=None))) == []


def test_changed_ids_are_named_if_no_status_changed() -> None:
    before = record("payment_1")

    assert field_changes(before, replace(before, stripe_payment_intent="pi_a")) == "stripe_payment_intent none → pi_a"
    assert field_changes(before, replace(before, updated_at="later")) == ""


def test_an_unmatched_event_is_named_with_its_amount() -> None:
    fact = Fact(kind=Kind.REFUND, state="succeeded", amount=5000, intent="pi_a")
    event = PaymentEvent(
        id="evt_1", type="refund.created", created=0, object_id="re_a", fact=fact, intent_ids=("pi_a",), currency="sgd"
    )

    assert unmatched(event) == (
        "evt_1: refund.created, re_a, pi_a, SGD 50.00, created 1970-01-01 00:00:00 UTC: no payment here"
    )
    assert other_change(Outcome.REVIEW, event) == "re_a is succeeded: a person must review it"


@pytest.mark.parametrize(("number", "text"), [(0, "0 payments"), (1, "1 payment"), (2, "2 payments")])
def test_one_thing_is_singular(number: int, text: str) -> None:
    assert counted(number, "payment") == text
    assert counted(2, "entry", "entries") == "2 entries"


def test_times_are_readable() -> None:
    assert plain_time("soon") == "soon"
    assert time_of(10**20) == str(10**20)


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, "the record and Stripe agree"),
        ({"differences": [Difference("a", "b")]}, "the record differs from Stripe: 1 difference"),
        ({"not_compared": ["a"]}, "not everything was compared"),
        ({"needs_person": True}, "a person must look at it"),
    ],
    ids=["agrees", "differs", "not compared", "needs a person"],
)
def test_each_payment_of_a_list_has_its_verdict(fields: dict[str, Any], verdict: str) -> None:
    view = PaymentView(replace(record("payment_1"), created_at=None), _state(**fields))

    assert f"      {verdict}" in _lines(Findings("payments", [view, view]))


def test_what_has_no_record_is_shown_with_advice_and_notes() -> None:
    match = Match({**SESSION, "amount_total": "SGD 50.00"}, ["payment_9"])

    lines = _lines(Findings("payments", [], [match], ["Searched 4 charges."]))

    assert lines[0] == "Paid at Stripe: SGD 50.00, but it has no record."
    assert lines[1] == "  cs_a"
    assert lines[-1] == "Searched 4 charges."


def test_what_differs_is_shown_with_its_remedy() -> None:
    state = _state(
        differences=[Difference("re_a: missing", "run replay")],
        notes=["a detail"],
        undelivered=[{"id": "evt_1", "type": "refund.created"}],
        after=replace(record("payment_1"), amount=5000),
    )

    lines = _lines(Findings("payments", [PaymentView(record("payment_1"), state)]))

    assert lines[:2] == [
        "At Stripe: Not paid yet: SGD 50.00 is due.",
        "The record still says: Not paid yet: SGD 49.99 is due.",
    ]
    assert {"  ✗ re_a: missing", "    → run replay", "  i a detail", "  evt_1"} <= set(lines)


@pytest.mark.parametrize("body", [b"[1", b"[]", b'{"id": 1}'])
def test_an_object_without_an_id_is_not_read(body: bytes) -> None:
    assert decoded(body) is None


def test_a_long_wait_is_announced() -> None:
    texts: Queue[str] = Queue()

    with Progress(0.01, texts.put) as progress:
        progress.does("reading table payments")
        first = texts.get(timeout=60)
        progress.does("searching at Stripe")
        later = next(text for text in iter(lambda: texts.get(timeout=60), "") if "Stripe" in text)

    assert first == "Still reading table payments (0 s)"
    assert later.startswith("Still searching at Stripe (")


def test_a_short_wait_is_silent() -> None:
    texts: Queue[str] = Queue()

    with Progress(3600, texts.put) as progress:
        progress.does("reading table payments")

    assert texts.empty()


def test_the_announcement_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    errors = ""

    with Progress(0.001) as progress:
        progress.does("reading table payments")
        while not errors:
            errors = capsys.readouterr().err

    assert errors.startswith("Still reading table payments (0 s)\n")


@pytest.mark.parametrize(("reference", "expected"), [("pi_a", "pi_a"), ({"id": "pi_a"}, "pi_a"), ({}, None), (1, None)])
def test_an_expanded_reference_has_its_id(reference: object, expected: str | None) -> None:
    assert id_of(reference) == expected
