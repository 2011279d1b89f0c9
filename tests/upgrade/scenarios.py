"""Lists the scenarios of a rolling update: the events of one payment, which either version can receive in any order."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tests.upgrade.events import AMOUNT, Objects

Events = Callable[[Objects], Sequence[bytes]]


class Scenario(NamedTuple):
    """The events, and the status after all of them; `later_events` follow a second link.

    With `lowers_refunds` the amount refunded can fall: a refund fails, is the duplicate's, or replaces a total.
    """

    status: str
    events: Events
    later_events: Events | None = None
    lowers_refunds: bool = False


SCENARIOS: Mapping[str, Scenario] = {
    "paid": Scenario("completed", lambda o: [o.paid()]),
    "free of charge": Scenario("completed", lambda o: [o.paid(payment_status="no_payment_required")]),
    "declined": Scenario("failed", lambda o: [o.declined()]),
    "declined twice": Scenario("failed", lambda o: [o.declined(), o.declined("lost_card")]),
    "declined and expired": Scenario("expired", lambda o: [o.declined(), o.expired()]),
    "paid after a decline": Scenario("completed", lambda o: [o.declined(), o.paid()]),
    "paid with a late decline and expiry": Scenario("completed", lambda o: [o.paid(), o.declined(), o.expired()]),
    "delayed money on its way": Scenario("pending", lambda o: [o.declined(), o.unpaid()]),
    "delayed money arrives": Scenario("completed", lambda o: [o.unpaid(), o.async_paid()]),
    "delayed money fails": Scenario("failed", lambda o: [o.unpaid(), o.async_failed(), o.declined()]),
    "delayed money fails and then arrives": Scenario(
        "completed", lambda o: [o.unpaid(), o.async_failed(), o.async_paid()]
    ),
    "wrong amount": Scenario("pending", lambda o: [o.paid(amount_total=100), o.declined()]),
    "wrong currency": Scenario("pending", lambda o: [o.paid(currency="usd"), o.expired()]),
    "wrong amount and then the right one": Scenario(
        "completed", lambda o: [o.paid(amount_total=100), o.other("b").paid()]
    ),
    "paid twice": Scenario("completed", lambda o: [o.paid(), o.other("b").paid(), o.expired()]),
    "paid twice and the duplicate refunded by id": Scenario(
        "completed", lambda o: [o.paid(), o.other("b").paid(), o.other("b").refund(1, AMOUNT)], lowers_refunds=True
    ),
    "paid twice and the duplicate refunded by total": Scenario(
        "completed", lambda o: [o.paid(), o.other("b").paid(), o.other("b").refunded(AMOUNT)], lowers_refunds=True
    ),
    "two refunds by id": Scenario("completed", lambda o: [o.paid(), o.refund(1, 2000), o.refund(2, 3000)]),
    "two refunds by total": Scenario("completed", lambda o: [o.paid(), o.refunded(2000), o.refunded(5000)]),
    "two refunds by id and total": Scenario(
        "completed",
        lambda o: [o.paid(), o.refund(1, 2000), o.refunded(2000), o.refund(2, 3000), o.refunded(5000)],
        lowers_refunds=True,
    ),
    "refund in full": Scenario("completed", lambda o: [o.paid(), o.refund(1, AMOUNT), o.refunded(AMOUNT)]),
    "refund that fails": Scenario(
        "completed",
        lambda o: [o.paid(), o.refund(1, 2000), o.refunded(2000), o.refund(1, 2000, "failed", "refund.failed")],
        lowers_refunds=True,
    ),
    "dispute lost": Scenario(
        "completed", lambda o: [o.paid(), o.dispute("needs_response"), o.dispute("lost", "closed")]
    ),
    "dispute won": Scenario(
        "completed",
        lambda o: [
            o.paid(),
            o.dispute("needs_response"),
            o.dispute("under_review", "updated"),
            o.dispute("won", "closed"),
        ],
    ),
    "inquiry and then a chargeback": Scenario(
        "completed",
        lambda o: [o.paid(), o.dispute("warning_closed", "closed"), o.dispute("needs_response", number=2)],
    ),
    "refund and dispute": Scenario(
        "completed", lambda o: [o.paid(), o.refunded(2000), o.dispute("needs_response"), o.dispute("won", "closed")]
    ),
    "second link paid": Scenario("completed", lambda o: [o.expired()], lambda o: [o.paid()]),
    "second link expired": Scenario("expired", lambda o: [o.expired()], lambda o: [o.expired()]),
    "second link untouched": Scenario("pending", lambda o: [o.expired()], lambda _: []),
    "second link awaiting funds": Scenario("pending", lambda o: [o.expired()], lambda o: [o.unpaid()]),
    "second link declined and then paid": Scenario(
        "completed", lambda o: [o.declined(), o.expired()], lambda o: [o.declined(), o.paid()]
    ),
    "second link after a failure": Scenario(
        "completed", lambda o: [o.unpaid(), o.async_failed()], lambda o: [o.unpaid(), o.async_paid()]
    ),
}
