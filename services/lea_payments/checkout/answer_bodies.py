"""Defines the answers of the checkout API, and builds them from payments."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

import msgspec
from pydantic import BaseModel, Field

from lea_payments.checkout.output import stripe_objects
from lea_payments.checkout.output.stripe_objects import DisputeBody, FraudWarningBody, RefundBody
from lea_payments.checkout.output.values import (
    ReadableAmount,
    ReadableCurrency,
    ReadableOutcome,
    ReadableStatus,
    ReadableTime,
    ReadableVersion,
    Time,
)
from lea_payments.checkout.sessions import OpenCheckout
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.refunds import refund_totals
from lea_payments.payment.situations import REVIEW_REASONS
from lea_payments.payment.status import status_of
from lea_payments.stripe.checkout_sessions import has_open_link

_STATUS_REASON = (
    "Why the payment has its status: awaiting_funds, canceled, async_payment_failed or a decline code; there can be "
    "others. "
    f"A person must look at it if it is one of these: {', '.join(REVIEW_REASONS)}."
)
_DISPUTE_STATUS = (
    "The worst dispute that is open (open: evidence is needed, review: the bank decides), otherwise how the disputes "
    "were closed: lost if one was lost, or won. none: there is no dispute."
)
_FINAL = (
    "Whether payment_status stays as it is. Nothing that the customer does changes it any more; only a new link makes "
    "a payment that is failed or expired pending again. A payment that is pending and final needs a person. "
    "A declined payment is failed and not final while its link is open."
)
_PAYABLE = (
    "Whether the customer can pay with the link that exists, as far as Stripe has reported. "
    "POST /payments returns this link."
)


class PublishedPayment(BaseModel):
    """A payment with the fields of the published contract. Times are in UTC. A value that is not readable is null."""

    payment_intent_id: Annotated[
        str, Field(description="The payment's own id, not Stripe's pi_….", examples=["payment_123"])
    ]
    user_id: str | None
    quote_id: str | None
    stripe_session_id: Annotated[str | None, Field(examples=["cs_test_a1"])]
    stripe_payment_intent: Annotated[str | None, Field(description="Stripe's pi_…. Set when the payment is paid.")]
    payment_status: Status
    amount: Annotated[ReadableAmount, Field(description="In minor units of the currency.", examples=[12000])]
    currency: Annotated[
        ReadableCurrency,
        Field(
            description="In lower case if this API created the payment, otherwise as it was written.", examples=["sgd"]
        ),
    ]
    product_name: str | None
    created_at: Annotated[ReadableTime, Field(examples=["2026-01-01T08:00:00.000Z"])]
    updated_at: ReadableTime
    webhook_processed_at: Annotated[ReadableTime, Field(description="When an event last changed the payment.")]


class CurrentPayment(PublishedPayment):
    """A payment as it is now, with what can still happen to it, its refunds, disputes and fraud warnings."""

    version: Annotated[
        ReadableVersion,
        Field(
            description="Grows with each change; send it as `after` to wait for the next one. "
            "0: the record was written by hand or by version 0.1.0.",
            examples=[2],
        ),
    ]
    final: Annotated[bool, Field(description=_FINAL)]
    payable: Annotated[bool, Field(description=_PAYABLE)]
    status_reason: Annotated[
        str | None, Field(description=_STATUS_REASON, examples=["card_declined:insufficient_funds"])
    ]
    locale: Annotated[
        str | None, Field(description="The language of the current link. null: the browser's.", examples=["en"])
    ]
    return_url: Annotated[
        str | None, Field(description="Where our pages lead the customer back to, with `payment_id` added.")
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
    def of(cls, record: Payment, now: datetime) -> Self:
        """Builds the body from a record."""
        return cls.model_validate(_values_of(record, now))


class HistoryLine(BaseModel):
    """One event and its outcome. A value that is not readable in the record is null."""

    event_id: str
    event_type: Annotated[str, Field(description="Stripe's type of the event.")]
    outcome: ReadableOutcome
    status_from: ReadableStatus
    status_to: ReadableStatus
    at: ReadableTime
    trace_id: str | None


class PaymentWithHistory(CurrentPayment):
    """A payment with its history, oldest first."""

    history: list[HistoryLine]


class Link(BaseModel):
    """The link where the customer pays."""

    url: Annotated[str, Field(description="Stripe's hosted page. Send the customer there.")]
    expires_at: Annotated[
        Time, Field(description="When the link expires. Repeat the call after that to get a new link.")
    ]


class PaymentWithLink(BaseModel):
    """A payment and its link."""

    payment: CurrentPayment
    link: Link


class PaymentList(BaseModel):
    """One page of payments. Within the page they are newest first; the pages are in no order."""

    payments: list[CurrentPayment]
    next_cursor: Annotated[
        str | None, Field(description="Send it as `cursor` to get the next page. null: this page is the last one.")
    ]


def with_link(checkout: OpenCheckout, now: datetime) -> PaymentWithLink:
    """The body for a payment that can be paid."""
    expires_at = datetime.fromtimestamp(checkout.session.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    link = Link(url=checkout.session.url, expires_at=expires_at)
    return PaymentWithLink(payment=CurrentPayment.of(checkout.payment, now), link=link)


def newest_first(records: list[Payment], now: datetime) -> list[CurrentPayment]:
    """The bodies of a list."""
    payments = [CurrentPayment.of(record, now) for record in records]
    return sorted(payments, key=lambda payment: payment.created_at or "", reverse=True)


def _values_of(record: Payment, now: datetime) -> dict[str, Any]:
    """A record's values under the names of these bodies."""
    return {
        **{name: getattr(record, name) for name in _RECORD_FIELDS},
        "final": status_of(record).final,
        "payable": has_open_link(record, now),
        "locale": record.checkout_locale,
        "amount_refund_pending": refund_totals(record).pending,
        **stripe_objects.values_of(record),
        "history": [msgspec.structs.asdict(entry) for entry in record.history],
    }


_RECORD_FIELDS = tuple(name for name in CurrentPayment.model_fields if name in Payment.__struct_fields__)
