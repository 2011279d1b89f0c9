"""Shows what a search has found: one payment in full, several as a list, and what has no record; pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from lea_payments.commands import layout
from lea_payments.commands.amounts import plain_time
from lea_payments.commands.at_stripe.search import Match
from lea_payments.commands.at_stripe.state import StripeState
from lea_payments.commands.showing.answer import answer
from lea_payments.commands.showing.explain import REFUNDS, UNKNOWN_REFUND
from lea_payments.commands.showing.text import payment_lines
from lea_payments.payment.record import Payment
from lea_payments.store.notifications.items import OutboxState
from lea_payments.stripe import facts
from lea_payments.text.visible import visible_text
from lea_payments.text.words import counted

DIFFERS = 2
"""The exit status if a record and Stripe do not agree, or Stripe has a payment without a record."""

_STATES: Mapping[tuple[object, object], str] = {
    ("complete", "paid"): "Paid at Stripe: {amount}, but it has no record.",
    ("complete", "no_payment_required"): "Complete at Stripe with nothing to pay, but it has no record.",
    ("complete", "unpaid"): "Not paid yet: {amount} is on its way at Stripe, but it has no record.",
    ("open", "unpaid"): "Not paid: the link at Stripe is open for {amount}, but it has no record.",
    ("expired", "unpaid"): "Not paid: the link at Stripe for {amount} has expired; it has no record.",
}
"""The answer about a session without a record, by its status and payment status."""


class PaymentView(NamedTuple):
    """A record, the payment's state at Stripe if it was requested, and the state of its notification."""

    record: Payment
    stripe: StripeState | None
    outbox: OutboxState | None = None


class Findings(NamedTuple):
    """The payments, and the objects at Stripe that lead to no record in this table."""

    table: str
    payments: Sequence[PaymentView]
    strays: Sequence[Match] = ()
    notes: Sequence[str] = ()

    @property
    def exit_status(self) -> int:
        """0, or DIFFERS if not everything agrees with Stripe."""
        agree = all(view.stripe is None or view.stripe.agrees for view in self.payments)
        return 0 if agree and not self.strays else DIFFERS


def as_text(findings: Findings, width: int, *, what_if: bool = False) -> Iterator[Text]:
    """The findings as lines."""
    payments = findings.payments
    if len(payments) == 1:
        yield from payment_lines(payments[0].record, payments[0].stripe, width, payments[0].outbox, what_if=what_if)
    elif payments:
        yield from _list(payments, width)
    for match in findings.strays:
        yield from _stray(match, findings.table, width)
    unread = [note for match in findings.strays for note in match.not_read]
    for note in dict.fromkeys([*findings.notes, *unread]):
        yield from _lines(layout.sentence(note, width))


def _list(payments: Sequence[PaymentView], width: int) -> Iterator[Text]:
    yield Text(f"{counted(len(payments), 'payment')}:", "bold")
    for record, state, _ in payments:
        known = answer(state.after if state else record)
        created = [f"created {plain_time(record.created_at)}"] if record.created_at else []
        verdict = [_verdict(state)] if state else []
        yield from _lines(layout.entry(visible_text(record.payment_intent_id), [known, *verdict, *created], width))
    example = payments[0].record.payment_intent_id
    yield Text()
    yield from _lines(layout.sentence(f"Show one of them: lea-payments show {example}", width))


def _verdict(state: StripeState) -> str:
    if state.agrees:
        return "the record and Stripe agree"
    if state.differences:
        return f"the record differs from Stripe: {counted(len(state.differences), 'difference')}"
    return "not everything was compared" if state.not_compared else "a person must look at it"


def _stray(match: Match, table: str, width: int) -> Iterator[Text]:
    yield from _lines(layout.sentence(stray_answer(match), width), "bold")
    for shown in (match.shown, *match.later):
        details = ", ".join(f"{name} {value}" for name, value in shown.items() if name != "id")
        yield from _lines(layout.entry(str(shown["id"]), [details], width))
    yield from _lines(layout.sentence(stray_advice(match, table), width, "→"))
    yield Text()


def stray_answer(match: Match) -> str:
    """What happened to an object at Stripe that has no record."""
    return " ".join([_paid_or_not(match), *map(_event_after, match.later)])


def _event_after(shown: Mapping[str, Any]) -> str:
    """What happened to the money afterwards, by a refund, a dispute or a fraud warning."""
    amount, status = shown.get("amount", "an unknown amount"), shown.get("status", "of an unknown status")
    if shown["object"] == facts.REFUND:
        return REFUNDS.get(status, UNKNOWN_REFUND).format(amount=amount)
    if shown["object"] == facts.DISPUTE:
        return f"A dispute about {amount} is {status}."
    return "Stripe warns of fraud." if shown.get("actionable") else "Stripe's fraud warning needs no action any more."


def _paid_or_not(match: Match) -> str:
    shown = match.shown
    amount = shown.get("amount_total", shown.get("amount", "an unknown amount"))
    template = _STATES.get((shown.get("status"), shown.get("payment_status")))
    if match.is_session and template:
        return template.format(amount=amount)
    return f"Stripe has {match.id} ({shown.get('status', 'of an unknown status')}, {amount}), but it has no record."


def stray_advice(match: Match, table: str) -> str:
    """What to do about an object at Stripe that has no record."""
    names = [name for name in match.payment_ids if "@" not in name]  # other systems write addresses there
    if names:
        named = " and ".join(names)
        return (
            f"It names {named}, which is not in table {table}. Check DYNAMODB_PAYMENTS_TABLE and DDB_ENDPOINT. If the "
            "record is lost, restore it or create it again with this id, amount and currency, then run "
            f"lea-payments replay --since 30d --payment {names[0]}"
        )
    return (
        "It names no payment of ours: another system on this Stripe account has made it. Look for it in Stripe's "
        "dashboard; replay cannot help."
    )


def _lines(lines: Iterator[str], style: str = "") -> Iterator[Text]:
    for line in lines:
        yield Text(visible_text(line), style)
