"""Shows data that is made to control the terminal, and data of other types than Stripe's."""

import asyncio
import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.commands import check
from lea_payments.commands.at_stripe.state import StripeState
from lea_payments.commands.at_stripe.view import StripeView
from lea_payments.commands.checks.finding import note, wrong
from lea_payments.commands.console.terminal import Terminal
from lea_payments.commands.progress import Progress
from lea_payments.commands.replay import Replay, ReplayOptions
from lea_payments.commands.replaying.event_file import MoreEvents
from lea_payments.commands.replaying.source import ReplayItem, Unreadable
from lea_payments.commands.showing import document, findings
from lea_payments.commands.showing.findings import Findings, PaymentView
from lea_payments.payment import changes
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.store.repairs import Repairs
from tests.support import stripe_bodies
from tests.support.examples import examples
from tests.support.hostile_text import CASES, HOSTILE, RECORDS, controls
from tests.support.scripted_stripe import SETTINGS, StripeObjects

MARKER = "mei.ling@example.com"


def _terminal(*, color: bool = False) -> Terminal:
    return Terminal(file=io.StringIO(), width=100, color_system="standard" if color else None, force_terminal=color)


def _printed(terminal: Terminal) -> str:
    assert isinstance(terminal.file, io.StringIO)
    return terminal.file.getvalue()


def _shown(payment: PaymentView, *, color: bool = False) -> str:
    terminal = _terminal(color=color)
    terminal.print_lines(findings.as_text(Findings("payments", [payment]), 80, what_if=True))
    return _printed(terminal)


def _json_of(payment: PaymentView) -> str:
    return document.as_json(Findings("payments", [payment]), what_if=True)


@given(RECORDS, st.booleans())
@settings(deadline=None)
def test_a_record_cannot_control_the_terminal(record: Payment, color: bool) -> None:
    payment = PaymentView(record, None)

    assert not controls(_shown(payment, color=color))
    assert not controls(_json_of(payment))


@pytest.mark.parametrize("text", CASES)
def test_no_text_is_markup_and_each_stays_on_its_line(text: str) -> None:
    terminal = _terminal(color=True)

    terminal.print(text, soft_wrap=True)

    assert _printed(terminal) == text.encode("unicode_escape").decode().replace("\\u2713", "✓") + "\n"


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_finding_cannot_control_the_terminal(subject: str, says: str, remedy: str) -> None:
    report = [note(subject, says), wrong(subject, says, remedy)]
    terminal = _terminal(color=True)

    terminal.print_lines(check.as_text(report))

    assert not controls(_printed(terminal) + check.as_json(report))


class Table:
    """Has one payment, to which every event belongs."""

    def __init__(self, record: Payment) -> None:
        self._record = record

    async def apply(self, event: PaymentEvent) -> Applied:
        return changes.apply(self._record, event, "")

    async def record_of(self, _event: PaymentEvent) -> Payment | None:
        return self._record


@given(RECORDS, HOSTILE, HOSTILE)
@settings(deadline=None)
def test_a_replay_cannot_control_the_terminal(record: Payment, event_id: str, text: str) -> None:
    fact = Fact(kind=Kind.SESSION, state="paid", amount=record.amount, intent=f"pi_{text}", currency=text)
    event = PaymentEvent(id=event_id, type=text, created=0, object_id=f"cs_{text}", fact=fact, session_id=text)
    items: list[ReplayItem] = [event, Unreadable(text, event_id), MoreEvents(text, event_id)]
    terminal = _terminal()
    replay = Replay(Repairs(Table(record)), ReplayOptions(terminal, Progress()))

    asyncio.run(replay.run(items))
    terminal.print(replay.table(), *replay.hints())

    assert not controls(_printed(terminal))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(HOSTILE, inner, max_size=2),
    max_leaves=4,
)
_OBJECTS: dict[str, dict[str, Any]] = {
    "/v1/checkout/sessions": stripe_bodies.session("payment_1", created=1, livemode=False, client_secret=MARKER),
    "/v1/payment_intents": stripe_bodies.intent_object(amount=1, amount_received=1, currency="sgd", receipt=MARKER),
    "/v1/charges": {"id": "ch_a", "object": "charge", "amount_refunded": 1, "payment_intent": "pi_a", "name": MARKER},
    "/v1/refunds": stripe_bodies.refund_object(1, "succeeded", name=MARKER),
    "/v1/disputes": stripe_bodies.dispute_object("lost", evidence={"customer_name": MARKER}, reason="fraudulent"),
    "/v1/radar/early_fraud_warnings": stripe_bodies.warning_object(actionable=True, name=MARKER),
    "/v1/events": json.loads(stripe_bodies.completed("payment_1", customer_email=MARKER)),
}


@st.composite
def _objects(draw: st.DrawFn) -> dict[str, list[Any]]:
    """An object of each type, of which a few fields have another value, or any JSON instead of it."""

    def one(fields: dict[str, Any]) -> st.SearchStrategy[Any]:
        odd = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, _json | st.just({"email": MARKER})))
        return odd.map(lambda changed: fields | changed) | odd.map(lambda changed: {**fields, **changed}) | _json

    return {path: draw(st.lists(one(fields), min_size=1, max_size=2)) for path, fields in _OBJECTS.items()}


def _state(record: Payment, objects: dict[str, list[Any]]) -> StripeState:
    return asyncio.run(StripeView(SETTINGS, StripeObjects(objects).reader(), lambda: 1e9).state_of(record))


_RECORD = Payment(payment_intent_id="payment_1", stripe_session_id="cs_test_a", created_at="2026-01-01T00:00:00Z")
_CHARGED = replace(_RECORD, facts={"ch_a": Fact(kind=Kind.CHARGE, state="refunded", amount=1, intent="pi_a")})


@given(st.sampled_from([_RECORD, _CHARGED]) | RECORDS, _objects())
@settings(deadline=None, max_examples=examples(15, 40))
def test_odd_objects_at_stripe_are_shown_or_named(record: Payment, objects: dict[str, list[Any]]) -> None:
    payment = PaymentView(record, _state(record, objects))

    assert not controls(_shown(payment))
    assert not controls(_json_of(payment))
    if record in (_RECORD, _CHARGED):
        assert MARKER not in _shown(payment) + _json_of(payment)


def test_values_of_another_type_are_not_shown() -> None:
    session = _OBJECTS["/v1/checkout/sessions"] | {"status": {"email": MARKER}, "payment_status": MARKER}

    state = _state(_RECORD, _OBJECTS_AS_LISTS | {"/v1/checkout/sessions": [session]})

    assert state.objects[0].keys() == {"object", "id", "amount_total", "created", "livemode"}
    assert MARKER not in str(msgspec.to_builtins(state))
    assert any("its status is not one of Stripe's codes" in problem for problem in state.not_compared)


_OBJECTS_AS_LISTS = {path: [fields] for path, fields in _OBJECTS.items()}
