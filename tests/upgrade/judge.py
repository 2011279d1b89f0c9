"""Judges a payment during a rolling update: nothing is lost or lowered, and nothing differs at the end."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.evidence import DEFAULT_RANKS
from lea_payments.payment.facts import Facts, with_fact
from lea_payments.payment.record import DisputeStatus, Payment
from lea_payments.payment.situations import RULES, Situation
from lea_payments.store.items import payment_of
from lea_payments.stripe.events import translate
from tests.upgrade.events import AMOUNT, CURRENCY
from tests.upgrade.versions import Item

AWAITING_RANK = RULES[Situation.AWAITING_FUNDS].rank
COMPARED = (
    "payment_status",
    "status_reason",
    "stripe_session_id",
    "stripe_payment_intent",
    "amount_refunded",
    "dispute_status",
)
"""The fields that must be the same for every order, and every distribution of the events to the versions."""


class Judge:
    """Follows one payment and collects the violations. An item is judged after each delivery."""

    def __init__(self, *, lowers_refunds: bool) -> None:
        self.violations: list[str] = []
        self._lowers_refunds = lowers_refunds
        self._has_requested_money = False
        self._rank = 0
        self._amount_refunded = 0

    def delivered(self, body: bytes) -> None:
        """Notes an event that was answered 200; from now on its money must not be lost."""
        resource = json.loads(body)["data"]["object"]
        is_paid = resource.get("payment_status") in ("paid", "no_payment_required")
        as_requested = (resource.get("amount_total"), resource.get("currency")) == (AMOUNT, CURRENCY)
        self._has_requested_money |= is_paid and as_requested

    def link_opened(self) -> None:
        """A new attempt starts as pending."""
        self._rank = 0

    def check(self, read: Callable[[], Item], after: str, *, in_order: bool = True) -> None:
        """Reads and judges the item; with concurrent deliveries only the money before the read is certain."""
        has_requested_money = self._has_requested_money
        item = read()
        status = item.get("payment_status", {}).get("S")
        if has_requested_money and status != "completed":
            self.violations.append(f"completion lost: {status} after {after}")
        rank, refunded = _rank(item), int(item.get("amount_refunded", {}).get("N", "0"))
        # Money that was on its way in a former session did not arrive.
        has_failed = self._rank == AWAITING_RANK and "async_payment_failed" in after
        if in_order and rank < self._rank and not has_failed:
            self.violations.append(f"status lowered from {self._rank} to {rank} after {after}")
        if in_order and refunded < self._amount_refunded and not self._lowers_refunds:
            self.violations.append(f"refunds lowered from {self._amount_refunded} to {refunded} after {after}")
        self._rank, self._amount_refunded = rank, refunded

    def check_final(self, item: Item, status: str, bodies: Sequence[bytes]) -> None:
        """Compares the record with the one that this version's pure functions give for the same events."""
        actual, expected = payment_of(item), expected_payment(item, bodies)
        if expected.payment_status != status:
            self.violations.append(f"the pure functions give {expected.payment_status} instead of {status}")
        for name in COMPARED:
            if getattr(actual, name) != getattr(expected, name):
                self.violations.append(f"{name} is {getattr(actual, name)} instead of {getattr(expected, name)}")


def expected_payment(item: Item, bodies: Sequence[bytes]) -> Payment:
    """The payment with the facts of the events alone; what was requested comes from the item."""
    known: Facts = {}
    for body in bodies:
        event = translate(body, livemode=False)
        known = with_fact(known, event.object_id, event.fact)  # type: ignore[union-attr]
    untouched = replace(
        payment_of(item),
        facts=known,
        status_reason=None,
        stripe_payment_intent=None,
        amount_refunded=0,
        dispute_status=DisputeStatus.NONE,
    )
    return changes.derive(untouched)


def _rank(item: Mapping[str, Any]) -> int:
    if "status_rank" in item:
        return int(item["status_rank"]["N"])
    return DEFAULT_RANKS[payment_of(item).payment_status]
