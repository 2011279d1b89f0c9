"""Defines the journeys: what one customer, the merchant and the bank do with one payment."""

from typing import NamedTuple


class Journey(NamedTuple):
    """What happens at first, and later when those events are delivered, as keys of STEPS.

    `bare` sessions do not copy our payment id to their PaymentIntent; `links` is the payment's number of sessions.
    """

    weight: int
    first: tuple[str, ...]
    later: tuple[str, ...] = ()
    links: int = 1
    extra_amount: int = 0
    bare: bool = False


_PAID_TWICE = ("pay first link", "pay")

JOURNEYS = (
    Journey(24, ("pay",)),
    Journey(14, ("decline", "pay")),
    Journey(8, ("decline", "decline")),
    Journey(5, ("decline", "expire")),
    Journey(8, ("expire",)),
    Journey(4, ("pay with delay",)),
    Journey(8, ("pay with delay", "bank confirms")),
    Journey(8, ("pay with delay", "bank rejects")),
    Journey(2, ()),
    Journey(2, ("pay",), extra_amount=100),
    # Several sessions: a second link, an old tab, a link that the customer recovered.
    Journey(2, _PAID_TWICE, links=2),
    Journey(2, ("expire first link", "decline", "pay"), links=2),
    Journey(2, ("decline first link", "expire first link"), links=2),
    Journey(2, ("pay first link with delay",), links=2),
    Journey(2, ("pay first link with delay", "bank rejects first link"), links=2),
    Journey(2, ("pay first link with delay", "expire", "bank confirms first link"), links=2),
    Journey(2, ("pay first link with delay", "pay", "bank confirms first link"), links=2),
    Journey(2, ("expire", "recover", "pay")),
    Journey(1, ("decline", "expire", "recover", "decline")),
    Journey(1, ("expire", "recover", "pay with delay")),
    # Refunds: in full, in parts, and those that do not arrive.
    Journey(4, ("pay",), ("refund",)),
    Journey(2, ("decline", "pay"), ("refund a third", "refund a third")),
    Journey(2, ("pay",), ("refund", "refund fails")),
    Journey(2, ("pay",), ("refund a third", "refund a third", "first refund fails")),
    Journey(2, ("pay",), ("refund", "refund fails", "refund")),
    Journey(2, ("pay for slow refunds",), ("refund", "refund succeeds")),
    Journey(
        2, ("pay for slow refunds",), ("refund a third", "refund succeeds", "refund a third", "refund is canceled")
    ),
    Journey(1, ("pay for slow refunds",), ("refund", "refund needs action")),
    Journey(1, ("pay for slow refunds",), ("refund a third", "refund needs action", "refund succeeds", "refund fails")),
    Journey(2, _PAID_TWICE, ("refund with our id",), links=2),
    Journey(2, _PAID_TWICE, ("refund first link with our id",), links=2),
    Journey(1, _PAID_TWICE, ("refund with our id", "refund fails"), links=2),
    Journey(1, _PAID_TWICE, ("refund with our id", "refund first link with our id"), links=2),
    # Disputes and early fraud warnings.
    Journey(2, ("pay",), ("dispute",)),
    Journey(2, ("pay",), ("dispute", "dispute in review", "dispute is won")),
    Journey(2, ("decline", "pay"), ("dispute", "dispute is lost")),
    Journey(1, ("pay",), ("inquiry", "inquiry is closed")),
    Journey(2, ("pay",), ("inquiry", "inquiry is closed", "dispute")),
    Journey(1, ("pay",), ("inquiry", "inquiry becomes dispute", "dispute is lost")),
    Journey(2, ("pay",), ("dispute a third", "dispute a third", "dispute is won")),
    Journey(1, ("pay",), ("dispute a third", "dispute is won", "dispute a third", "dispute is lost")),
    Journey(1, ("pay",), ("dispute", "dispute is lost", "appeal", "appeal in review")),
    Journey(2, ("pay",), ("dispute", "dispute is lost", "appeal", "appeal in review", "appeal is won")),
    Journey(2, ("pay",), ("prevented dispute",)),
    Journey(2, ("pay",), ("fraud warning",)),
    Journey(1, ("pay",), ("fraud warning", "refund a third")),
    Journey(1, ("pay",), ("fraud warning", "refund")),
    Journey(2, ("pay",), ("fraud warning", "dispute")),
    # What is not ours: sessions that save a card, and events of other accounts and of live mode.
    Journey(2, ("save a card",)),
    Journey(2, ("save a card", "pay")),
    Journey(2, ("pay", "copy to others")),
    Journey(1, ("pay with delay", "copy to others", "bank rejects")),
)
RECONCILED_JOURNEYS = (
    Journey(5, ("decline", "decline"), bare=True),
    Journey(3, ("decline", "pay"), ("dispute",), bare=True),
    Journey(2, _PAID_TWICE, ("refund", "refund first link"), links=2),
    Journey(2, _PAID_TWICE, ("dispute", "dispute first link"), links=2),
)
"""Only the reconciler can record these: some of their events lead to no payment without a call to Stripe."""
