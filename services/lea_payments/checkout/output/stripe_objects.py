"""Defines how answers show the refunds, disputes and fraud warnings of a payment, and builds them from its facts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import BY_HAND
from lea_payments.payment.record import Payment


def _stripe_states(kind: Kind) -> str:
    return ", ".join(state for state in facts.STATES[kind] if state != facts.APPEAL_LOST)


def _dispute_state(fact: Fact) -> str:
    """Stripe's status of the dispute: `appeal_lost` is our own."""
    return facts.LOST if fact.state == facts.APPEAL_LOST else fact.state


class RefundBody(BaseModel):
    """A refund of this payment or of a duplicate payment."""

    id: Annotated[str, Field(description="Stripe's re_….", examples=["re_1"])]
    amount: Annotated[int | None, Field(description="In minor units.", examples=[2000])]
    stripe_payment_intent: Annotated[str | None, Field(description="The pi_… whose money is refunded.")]
    status: Annotated[
        str,
        Field(
            description=f"Stripe's status: {_stripe_states(Kind.REFUND)}. Stripe can add others.",
            examples=[facts.SUCCEEDED],
        ),
    ]


class DisputeBody(BaseModel):
    """A dispute: an inquiry or a chargeback."""

    id: Annotated[str, Field(description="Stripe's du_….", examples=["du_1"])]
    amount: Annotated[int | None, Field(description="In minor units.", examples=[12000])]
    stripe_payment_intent: Annotated[str | None, Field(description="The pi_… that is disputed.")]
    status: Annotated[
        str,
        Field(
            description=f"Stripe's status: {_stripe_states(Kind.DISPUTE)}. Stripe can add others.",
            examples=["needs_response"],
        ),
    ]
    evidence_due_by: Annotated[
        datetime | None,
        Field(description="Until when Stripe accepts evidence.", examples=["2026-01-20T23:59:59Z"]),
    ]


class FraudWarningBody(BaseModel):
    """An early fraud warning: the card's issuer suspects fraud, and a dispute often follows."""

    id: Annotated[str, Field(description="Stripe's issfr_….", examples=["issfr_1"])]
    actionable: Annotated[bool, Field(description="Whether a refund can still prevent a dispute.")]


def values_of(record: Payment) -> dict[str, list[dict[str, Any]]]:
    """The payment's refunds, disputes and fraud warnings under the names of the answer."""
    return {
        "refunds": [
            {"id": object_id, "amount": fact.amount, "stripe_payment_intent": fact.intent, "status": fact.state}
            for object_id, fact in _facts_of(record, Kind.REFUND)
        ],
        "disputes": [
            {
                "id": object_id,
                "amount": fact.amount,
                "stripe_payment_intent": fact.intent,
                "status": _dispute_state(fact),
                "evidence_due_by": _moment(fact.due),
            }
            for object_id, fact in _facts_of(record, Kind.DISPUTE)
        ],
        "fraud_warnings": [
            {"id": object_id, "actionable": fact.state == facts.ACTIONABLE}
            for object_id, fact in _facts_of(record, Kind.WARNING)
        ],
    }


def _facts_of(record: Payment, kind: Kind) -> Iterator[tuple[str, Fact]]:
    """Stripe's objects of one kind by their ids. A fact that stands for a published field is not one of them."""
    for object_id, fact in sorted(record.facts.items()):
        if fact.kind == kind and not object_id.startswith(BY_HAND):
            yield object_id, fact


def _moment(seconds: int | None) -> datetime | None:
    """The time, or None if it is not known or not a time."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
