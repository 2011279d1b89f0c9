"""Runs the tools: creates, reads, cancels and collects payments through the checkout API, within the caps."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from lea_payments.mcp.arguments import LONGEST_WAIT, NewLink, PaymentReference, StatusQuery
from lea_payments.mcp.caps import CappedLink, Caps
from lea_payments.mcp.checkout import CheckoutApi, PaymentBody
from lea_payments.mcp.errors import ToolRefusalError
from lea_payments.mcp.results import PaymentResult

ROUNDS = 9
"""How often `collect_payment` asks the agent to wait again. Clients give up after ten requests for input."""

POLL_SECONDS = 1.0
"""The shortest time between two reads of a payment that has not changed."""

PAID_OR_ON_ITS_WAY = ("already_completed", "awaiting_confirmation", "awaiting_funds", "in_review")
"""The errors of checkout for a payment that needs no link: its state is the better answer to the agent."""

NOT_PAID_YET = ("pending", None, False)
"""What an agent sees of a payment with an open link."""

Sleep = Callable[[float], Awaitable[None]]


class Collection(NamedTuple):
    """Where a `collect_payment` stands: what the agent sends back with its next call.

    `traceparent` is that of the first call, which the others are linked to: each can be a trace of its own.
    """

    payment_id: str
    version: int
    round: int
    traceparent: str | None = None

    def text(self) -> str:
        """The collection as text, which is sealed before the agent gets it."""
        return json.dumps(self)

    @classmethod
    def of(cls, text: str, payment_id: str) -> "Collection":
        """Reads a text that was sealed by this server. Raises ToolRefusalError if it is about another payment."""
        collection = msgspec.json.decode(text, type=Collection)
        if collection.payment_id != payment_id:
            raise ToolRefusalError("invalid_request", "The state belongs to another payment; start again.")
        return collection


class Tools:
    """The tools. Every method raises ToolRefusalError if the call is refused."""

    def __init__(self, checkout: CheckoutApi, caps: Caps, sleep: Sleep = asyncio.sleep) -> None:
        self._checkout = checkout
        self._caps = caps
        self._sleep = sleep
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends all calls that wait, because the service stops: each is answered with the payment as it is."""
        self._stopping.set()

    async def create_payment_link(self, new: NewLink) -> PaymentResult:
        """Creates the payment and its link, or finds them. A payment that needs no link has none."""
        link = CappedLink(new.payment_id, new.amount, new.currency.lower())
        self._caps.admit(link)
        created = True
        try:
            body, created = await self._checkout.create(new)
        except ToolRefusalError as refusal:
            created = refusal.may_have_created
            if refusal.code not in PAID_OR_ON_ITS_WAY:
                raise
            return _result(await self._checkout.read(new.payment_id))
        finally:
            self._caps.settle(link, created=created)
        return _result(body.payment).model_copy(update={"link": body.link.url, "link_expires_at": body.link.expires_at})

    async def payment_status(self, query: StatusQuery) -> PaymentResult:
        """The payment as it is now, or as soon as it changes."""
        return _result(await self._changed(query.payment_id, query.wait_seconds, query.after_version))

    async def cancel_payment_link(self, reference: PaymentReference) -> PaymentResult:
        """Cancels the link. A payment that is paid or on its way is not canceled, which is an error."""
        return _result(await self._checkout.cancel(reference.payment_id))

    async def collected(self, collection: Collection) -> PaymentResult:
        """The payment when it is final, or after the longest wait."""
        return _result(await self._final(collection.payment_id))

    async def _changed(self, payment_id: str, seconds: int, after: int | None) -> PaymentBody:
        payment = await self._checkout.read(payment_id)
        is_news = after is not None and payment.version != after and _visible(payment) != NOT_PAID_YET
        if payment.final or is_news or not seconds:
            return payment
        return await self._wait(payment, seconds, lambda read: _visible(read) != _visible(payment))

    async def _final(self, payment_id: str) -> PaymentBody:
        payment = await self._checkout.read(payment_id)
        return payment if payment.final else await self._wait(payment, LONGEST_WAIT, lambda read: read.final)

    async def _wait(self, payment: PaymentBody, seconds: int, ends: Callable[[PaymentBody], bool]) -> PaymentBody:
        """Reads the payment again until the condition holds, the time is over, or the service stops.

        While checkout fails it waits, too: the payment was read before, and that is what the agent gets in the end.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (left := deadline - loop.time()) > 0 and not self._stopping.is_set():
            started, before = loop.time(), payment
            try:
                payment = await self._read_before_stop(payment, max(1, int(left)))
            except ToolRefusalError as refusal:
                if not refusal.may_pass:
                    raise
            if ends(payment):
                return payment
            if payment.version == before.version and loop.time() - started < POLL_SECONDS:
                await self._sleep(min(POLL_SECONDS, max(0.0, deadline - loop.time())))
        return payment

    async def _read_before_stop(self, payment: PaymentBody, seconds: int) -> PaymentBody:
        """The payment at its next change; as it was if the service stops."""
        read = asyncio.ensure_future(self._checkout.read(payment.payment_intent_id, seconds, payment.version or 0))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((read, stop), return_when=asyncio.FIRST_COMPLETED)
            return read.result() if read.done() else payment
        finally:
            read.cancel()
            stop.cancel()


def _visible(payment: PaymentBody) -> tuple[str, str | None, bool]:
    """What an agent sees of a payment. A new version can be about something else, such as the card's brand."""
    return payment.payment_status.value, payment.status_reason, payment.final


def _result(payment: PaymentBody) -> PaymentResult:
    return PaymentResult(
        payment_id=payment.payment_intent_id,
        status=payment.payment_status.value,
        reason=payment.status_reason,
        amount=payment.amount,
        currency=payment.currency,
        version=payment.version or 0,
        final=payment.final,
    )
