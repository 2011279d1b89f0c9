"""Defines the answers of the checkout API, and builds them from payments."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field

from lea_payments.checkout.sessions import OpenCheckout
from lea_payments.payment import facts
from lea_payments.payment.evidence import NEVER_MATCHES, UNREADABLE_CURRENCY
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import BY_HAND
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.refunds import refund_totals
from lea_payments.payment.situations import REVIEW_REASONS


def _stripe_states(kind: Kind) -> str:
    return ", ".join(state for state in facts.STATES[kind] if state != facts.APPEAL_LOST)


def _dispute_state(fact: Fact) -> str:
    """Stripe's status of the dispute: `appeal_lost` is our own."""
    return facts.LOST if fact.state == facts.APPEAL_LOST else fact.state


_STATUS_REASON = (
    "Why the payment has its status: awaiting_funds, async_payment_failed or a decline code. A person must look at it "
    f"if it is one of these: {', '.join(REVIEW_REASONS)}."
)
_DISPUTE_STATUS = (
    "The worst dispute that is open (open: evidence is needed, review: the bank decides), otherwise how the disputes "
    "were closed: lost if one was lost, or won. none: there is no dispute."
)


_OrNull = BeforeValidator(lambda value: None if value in (NEVER_MATCHES, UNREADABLE_CURRENCY) else value)
"""An amount or currency that is not readable in the record is null."""


class PublishedPayment(BaseModel):
    """A payment with the fields of the published contract. Times are ISO 8601 in UTC."""

    payment_intent_id: Annotated[
        str, Field(description="The payment's own id, not Stripe's pi_….", examples=["payment_123"])
    ]
    user_id: str | None
    quote_id: str | None
    stripe_session_id: Annotated[str | None, Field(examples=["cs_test_a1"])]
    stripe_payment_intent: Annotated[str | None, Field(description="Stripe's pi_…. Set when the payment is paid.")]
    payment_status: Status
    amount: Annotated[int | None, _OrNull, Field(description="In minor units of the currency.", examples=[12000])]
    currency: Annotated[str | None, _OrNull, Field(examples=["sgd"])]
    product_name: str | None
    created_at: Annotated[str | None, Field(examples=["2026-01-01T08:00:00.000Z"])]
    updated_at: str | None
    webhook_processed_at: Annotated[str | None, Field(description="When an event last changed the payment.")]

    @classmethod
    def of(cls, record: Payment) -> Self:
        """Builds the body from a record."""
        return cls.model_validate(record, from_attributes=True)


class RefundBody(BaseModel):
    """A refund of this payment or of a duplicate payment."""

    id: Annotated[str, Field(description="Stripe's re_….", examples=["re_1"])]
    amount: Annotated[int | None, Field(description="In minor units.", examples=[2000])]
    stripe_payment_intent: Annotated[str | None, Field(description="The pi_… whose money is refunded.")]
    status: Annotated[
        str, Field(description=f"Stripe's status: {_stripe_states(Kind.REFUND)}.", examples=[facts.SUCCEEDED])
    ]


class DisputeBody(BaseModel):
    """A dispute: an inquiry or a chargeback."""

    id: Annotated[str, Field(description="Stripe's du_….", examples=["du_1"])]
    amount: Annotated[int | None, Field(description="In minor units.", examples=[12000])]
    stripe_payment_intent: Annotated[str | None, Field(description="The pi_… that is disputed.")]
    status: Annotated[
        str, Field(description=f"Stripe's status: {_stripe_states(Kind.DISPUTE)}.", examples=["needs_response"])
    ]
    evidence_due_by: Annotated[
        datetime | None,
        Field(description="Until when Stripe accepts evidence.", examples=["2026-01-20T23:59:59Z"]),
    ]


class FraudWarningBody(BaseModel):
    """An early fraud warning: the card's issuer suspects fraud, and a dispute often follows."""

    id: Annotated[str, Field(description="Stripe's issfr_….", examples=["issfr_1"])]
    actionable: Annotated[bool, Field(description="Whether a refund can still prevent a dispute.")]


class CurrentPayment(PublishedPayment):
    """A payment with its reason, refunds, disputes and fraud warnings."""

    version: Annotated[
        int | None,
        Field(description="Grows with each change. null: the record was written by hand or by version 0.1.0."),
    ]
    status_reason: Annotated[
        str | None, Field(description=_STATUS_REASON, examples=["card_declined:insufficient_funds"])
    ]
    amount_refunded: Annotated[
        int,
        Field(
            description="The total of the refunds of stripe_payment_intent that have neither failed nor been canceled, "
            "in minor units."
        ),
    ]
    amount_refund_pending: Annotated[
        int, Field(description="The part of amount_refunded that has not been paid out yet, in minor units.")
    ]
    dispute_status: Annotated[DisputeStatus, Field(description=_DISPUTE_STATUS, examples=["none"])]
    refunds: Annotated[
        list[RefundBody],
        Field(description="Can be empty although amount_refunded is not 0: some events report only the total."),
    ]
    disputes: list[DisputeBody]
    fraud_warnings: list[FraudWarningBody]

    @classmethod
    def of(cls, record: Payment) -> Self:
        """Builds the body from a record."""
        return cls.model_validate(_values_of(record))


class HistoryLine(BaseModel):
    """One event and its outcome."""

    event_id: str
    event_type: str
    outcome: str
    status_from: str
    status_to: str
    at: str
    trace_id: str | None


class PaymentWithHistory(CurrentPayment):
    """A payment with its history, oldest first."""

    history: list[HistoryLine]


class Link(BaseModel):
    """The link where the customer pays."""

    url: Annotated[str, Field(description="Stripe's hosted page. Send the customer there.")]
    expires_at: Annotated[
        str, Field(description="When the link expires. Repeat the call after that to get a new link.")
    ]


class PaymentWithLink(BaseModel):
    """A payment and its link."""

    payment: CurrentPayment
    link: Link


class PaymentList(BaseModel):
    """One page of payments. Within the page they are newest first; the pages are in no order."""

    payments: list[PublishedPayment]
    next_cursor: Annotated[
        str | None, Field(description="Send it as `cursor` to get the next page. null: this page is the last one.")
    ]


def with_link(checkout: OpenCheckout) -> PaymentWithLink:
    """The body for a payment that can be paid."""
    expires_at = datetime.fromtimestamp(checkout.session.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    link = Link(url=checkout.session.url, expires_at=expires_at)
    return PaymentWithLink(payment=CurrentPayment.of(checkout.payment), link=link)


def _values_of(record: Payment) -> dict[str, Any]:
    """A record's values under the names of these bodies."""
    return {
        **{name: getattr(record, name) for name in _RECORD_FIELDS},
        "amount_refund_pending": refund_totals(record).pending,
        "refunds": [
            {
                "id": object_id,
                "amount": fact.amount,
                "stripe_payment_intent": fact.intent,
                "status": fact.state,
            }
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
        "history": [entry._asdict() for entry in record.history],
    }


_RECORD_FIELDS = tuple(name for name in CurrentPayment.model_fields if name in Payment.__struct_fields__)


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
