"""Defines the situations of a payment: the condition of each one, its status, whether it can be paid and is final."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from lea_payments.payment.record import DisputeStatus, Status


class Situation(StrEnum):
    """What the facts say about a payment, most decisive first."""

    PAID_TWICE = "paid_twice"
    PAID = "paid"
    MISMATCH = "mismatch"
    AWAITING_FUNDS = "awaiting_funds"
    CANCELED = "canceled"
    ASYNC_FAILED = "async_payment_failed"
    EXPIRED = "expired"
    DECLINED = "declined"
    PENDING = "pending"


class CanPay(StrEnum):
    """Whether the customer can still pay."""

    NO = "no"
    WITH_NEW_LINK = "with a new link"
    YES = "yes"


class Rule(NamedTuple):
    """What a situation means. `rank` is the number by which version 0.1.0 compares statuses.

    `final`: nothing that the customer or Stripe usually does changes the status any more, only a new link or a person.
    """

    condition: str
    status: Status
    can_pay: CanPay
    final: bool
    rank: int


# The first situation whose condition is true holds. The order follows the money: money that has arrived outweighs
# money on its way, and that outweighs a caller who canceled, and a session that ended without any.
RULES: Mapping[Situation, Rule] = {
    Situation.PAID_TWICE: Rule(
        "two PaymentIntents have paid, one of them as requested, neither is refunded in full",
        Status.COMPLETED,
        CanPay.NO,
        final=True,
        rank=50,
    ),
    Situation.PAID: Rule(
        "a session is paid with the requested amount and currency", Status.COMPLETED, CanPay.NO, final=True, rank=50
    ),
    Situation.MISMATCH: Rule(
        "paid, but with another amount or currency", Status.PENDING, CanPay.NO, final=True, rank=45
    ),
    Situation.AWAITING_FUNDS: Rule(
        "a session is complete but unpaid, or its payment status is unknown: the money can be on its way",
        Status.PENDING,
        CanPay.NO,
        final=False,
        rank=30,
    ),
    Situation.CANCELED: Rule("a caller canceled the payment", Status.EXPIRED, CanPay.NO, final=True, rank=20),
    Situation.ASYNC_FAILED: Rule(
        "the current session's delayed payment failed", Status.FAILED, CanPay.WITH_NEW_LINK, final=True, rank=40
    ),
    Situation.EXPIRED: Rule("the current session expired", Status.EXPIRED, CanPay.WITH_NEW_LINK, final=True, rank=20),
    Situation.DECLINED: Rule("the current attempt was declined", Status.FAILED, CanPay.YES, final=False, rank=10),
    Situation.PENDING: Rule("none of these", Status.PENDING, CanPay.YES, final=False, rank=0),
}

AMOUNT_MISMATCH, CURRENCY_MISMATCH = "amount_mismatch", "currency_mismatch"
PAID_TWICE = Situation.PAID_TWICE.value
FRAUD_WARNING = "early_fraud_warning"
TOO_MANY_OBJECTS = "too_many_objects"
REVIEW_REASONS = (AMOUNT_MISMATCH, CURRENCY_MISMATCH, PAID_TWICE, FRAUD_WARNING, TOO_MANY_OBJECTS)
"""The reasons that need a person."""

DISPUTES: Mapping[str, DisputeStatus] = {
    **dict.fromkeys(("warning_needs_response", "needs_response", "appeal_needs_response"), DisputeStatus.OPEN),
    **dict.fromkeys(("warning_under_review", "under_review", "appeal_under_review"), DisputeStatus.REVIEW),
    **dict.fromkeys(("warning_closed", "prevented", "won"), DisputeStatus.WON),
    **dict.fromkeys(("lost", "appeal_lost"), DisputeStatus.LOST),
}
"""The published status of each of Stripe's dispute statuses; one that is not listed counts as open."""

WORST_DISPUTES = (DisputeStatus.OPEN, DisputeStatus.REVIEW, DisputeStatus.LOST, DisputeStatus.WON)
"""The statuses of disputes, worst first: the worst one of a payment is published. Closed ones have no order in time."""
