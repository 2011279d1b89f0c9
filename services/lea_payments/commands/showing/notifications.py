"""Describes the state of a payment's notification at each endpoint; pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from lea_payments.commands.amounts import plain_time
from lea_payments.notifications.delivery import Delivery, Outcome, Stage
from lea_payments.payment.record import iso
from lea_payments.store.notifications.items import OutboxState
from lea_payments.text.words import counted

_OUTCOMES: Mapping[Outcome | None, str] = {
    None: "not tried yet",
    Outcome.DELIVERED: "delivered",
    Outcome.REJECTED: "the receiver rejected it",
    Outcome.REDIRECTED: "the receiver redirected it, which is not followed",
    Outcome.GONE: "the receiver answered 410 Gone",
    Outcome.FAILED: "the receiver failed",
    Outcome.TIMEOUT: "the receiver did not answer in time",
    Outcome.UNREACHABLE: "the receiver could not be reached",
}
_TIMES = ("first_failure", "last_attempt", "next_attempt")


def notification_lines(state: OutboxState) -> Iterator[tuple[str, str]]:
    """Yields each endpoint with the state of the delivery, and what is due. Yields nothing if there is nothing."""
    for name, delivery in state.deliveries.items():
        yield name, _sentence(delivery)
    if state.due_at is not None:
        yield "Due", f"{_time(state.due_at)}{', a notifier holds it' if state.leased_until is not None else ''}"


def document(state: OutboxState) -> dict[str, object]:
    """The same for JSON. Times are ISO 8601 UTC."""
    return {
        "endpoints": {name: _fields(delivery) for name, delivery in state.deliveries.items()},
        "due_at": None if state.due_at is None else _iso(state.due_at),
        "dead_lettered": state.is_dead_lettered,
    }


def _fields(delivery: Delivery) -> dict[str, object]:
    values = {name: getattr(delivery, name) for name in Delivery.__struct_fields__}
    return {name: _iso(value) if name in _TIMES else value for name, value in values.items() if value is not None}


def _sentence(delivery: Delivery) -> str:
    known = "nothing is delivered yet" if delivery.version is None else f"version {delivery.version} is delivered"
    if delivery.stage in (None, Stage.DELIVERED):
        return known if delivery.last_attempt is None else f"{known}, {_time(delivery.last_attempt)}"
    tried = f"version {delivery.target}: {_OUTCOMES[delivery.outcome]}, {counted(delivery.attempts, 'attempt')}"
    return f"{tried}, {_next_step(delivery)}; {known}"


def _next_step(delivery: Delivery) -> str:
    if delivery.stage is Stage.GONE:
        return "not sent again"
    if delivery.stage is Stage.DEAD_LETTERED:
        return "given up: `lea-payments notify --dead-lettered` sends it again"
    return f"next attempt {_time(delivery.next_attempt or 0)}"


def _iso(milliseconds: float) -> str:
    return iso(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _time(milliseconds: float) -> str:
    return plain_time(_iso(milliseconds))
