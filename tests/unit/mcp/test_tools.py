"""Checks what the tools return while checkout answers, refuses, fails and waits."""

from typing import Any, cast

import pytest

from lea_payments.mcp.arguments import NewLink, PaymentReference, StatusQuery
from lea_payments.mcp.caps import Caps, Limits
from lea_payments.mcp.checkout import CheckoutApi, CreatedBody, LinkBody, PaymentBody
from lea_payments.mcp.errors import ToolRefusalError
from lea_payments.mcp.tools import Collection, Tools
from lea_payments.payment.record import Status

NEW = NewLink(user_id="user_1", quote_id="quote_1", amount=300, currency="SGD", product_name="Insurance")
LINK = LinkBody("https://pay.example/1", "2026-11-28T00:00:00Z")
PAID = "completed"


def payment(
    status: str = "pending", version: int = 1, *, final: bool = False, reason: str | None = None
) -> PaymentBody:
    return PaymentBody(NEW.payment_id, Status(status), final, reason, 300, "sgd", version)


class ScriptedCheckout:
    """Answers each read with the next of these payments or errors, and repeats the last one."""

    def __init__(self, *reads: PaymentBody | ToolRefusalError, created: object = None) -> None:
        self.reads = [*reads]
        self.created = created
        self.calls: list[tuple[int, int | None]] = []
        self.before_answer: Any = lambda: None

    async def create(self, _: NewLink) -> tuple[CreatedBody, bool]:
        if isinstance(self.created, Exception):
            raise self.created
        return CreatedBody(payment(), LINK), bool(self.created)

    async def read(self, _: str, wait: int = 0, after: int | None = None) -> PaymentBody:
        self.calls.append((wait, after))
        self.before_answer()
        answer = self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]
        if isinstance(answer, ToolRefusalError):
            raise answer
        return answer

    async def cancel(self, _: str) -> PaymentBody:
        return payment("expired", 2, final=True, reason="canceled")


def tools(checkout: ScriptedCheckout, links: int = 2) -> Tools:
    async def no_sleep(_: float) -> None:
        return

    limits = Limits({"sgd": 500}, {"sgd": 1000}, links)
    return Tools(cast("CheckoutApi", checkout), Caps(limits), no_sleep)


async def test_a_new_payment_has_its_link() -> None:
    result = await tools(ScriptedCheckout(created=True)).create_payment_link(NEW)

    assert (result.payment_id, result.link, result.status) == (NEW.payment_id, LINK.url, "pending")


async def test_a_payment_that_is_paid_is_the_result() -> None:
    refusal = ToolRefusalError("already_completed", "")
    result = await tools(ScriptedCheckout(payment(PAID, 5, final=True), created=refusal)).create_payment_link(NEW)

    assert (result.status, result.link) == (PAID, None)


@pytest.mark.parametrize(
    ("created", "counts"),
    [
        (True, True),
        (False, False),
        (ToolRefusalError("checkout_unreachable", "", may_have_created=True), True),
        (ToolRefusalError("payment_conflict", ""), False),
        (RuntimeError("a bug"), True),
    ],
    ids=["new", "found", "unknown", "refused", "bug"],
)
async def test_a_link_that_can_exist_is_counted(created: object, counts: bool) -> None:
    checkout = ScriptedCheckout(created=created)
    limited = tools(checkout, links=1)
    for _ in range(2):
        try:
            await limited.create_payment_link(NEW)
        except (ToolRefusalError, RuntimeError):
            continue
    checkout.created = True
    other = NEW.model_copy(update={"quote_id": "quote_2"})

    if counts:
        with pytest.raises(ToolRefusalError, match="as many links"):
            await limited.create_payment_link(other)
    else:
        assert (await limited.create_payment_link(other)).link


async def test_a_canceled_payment_is_the_result() -> None:
    reference = PaymentReference(payment_id=NEW.payment_id)

    assert (await tools(ScriptedCheckout()).cancel_payment_link(reference)).reason == "canceled"


@pytest.mark.parametrize(
    ("reads", "after", "status", "calls"),
    [
        ([payment(PAID, final=True)], None, PAID, 1),
        ([payment(version=2), payment(PAID, 3, final=True)], 1, PAID, 2),
        ([payment("failed", 2, reason="card_declined")], 1, "failed", 1),
        ([payment("failed", 2, reason="card_declined"), payment(PAID, 3, final=True)], 2, PAID, 2),
        ([payment(), payment(version=2), payment("failed", 3)], None, "failed", 3),
        ([payment(), payment(), payment(PAID, 2, final=True)], None, PAID, 3),
        (
            [payment(), ToolRefusalError("table_unavailable", "", may_have_created=True), payment("failed")],
            1,
            "failed",
            3,
        ),
    ],
    ids=["final", "other news", "declined before", "paid after a decline", "declined", "quick answers", "an outage"],
)
async def test_waiting_ends_with_news(reads: list[Any], after: int | None, status: str, calls: int) -> None:
    checkout = ScriptedCheckout(*reads)
    query = StatusQuery(payment_id=NEW.payment_id, wait_seconds=25, after_version=after)

    assert (await tools(checkout).payment_status(query)).status == status
    assert len(checkout.calls) == calls


async def test_without_a_wait_the_answer_comes_at_once() -> None:
    checkout = ScriptedCheckout(payment())
    await tools(checkout).payment_status(StatusQuery(payment_id=NEW.payment_id))

    assert checkout.calls == [(0, None)]


async def test_a_refusal_ends_the_wait() -> None:
    checkout = ScriptedCheckout(payment(), ToolRefusalError("unauthorized", ""))
    with pytest.raises(ToolRefusalError):
        await tools(checkout).payment_status(StatusQuery(payment_id=NEW.payment_id, wait_seconds=25))


async def test_a_wait_ends_after_its_seconds() -> None:
    query = StatusQuery(payment_id=NEW.payment_id, wait_seconds=1)

    assert (await tools(ScriptedCheckout(payment())).payment_status(query)).status == "pending"


@pytest.mark.parametrize("when", ["before", "during"])
async def test_a_stop_ends_the_wait(when: str) -> None:
    checkout = ScriptedCheckout(payment())
    waiting = tools(checkout)
    if when == "before":
        waiting.stop()
    else:
        checkout.before_answer = lambda: waiting.stop() if len(checkout.calls) > 1 else None
    result = await waiting.collected(Collection(NEW.payment_id, 1, 1))

    assert result.status == "pending"
    assert len(checkout.calls) <= 2


async def test_a_collection_ends_when_the_payment_is_final() -> None:
    declined = payment("failed", 2, reason="card_declined")
    checkout = ScriptedCheckout(payment(), declined, payment(PAID, 3, final=True))

    assert (await tools(checkout).collected(Collection(NEW.payment_id, 1, 1))).status == PAID


async def test_a_payment_that_is_final_is_collected_at_once() -> None:
    checkout = ScriptedCheckout(payment(PAID, final=True))
    await tools(checkout).collected(Collection(NEW.payment_id, 1, 1))

    assert len(checkout.calls) == 1


def test_a_state_belongs_to_its_payment() -> None:
    text = Collection(NEW.payment_id, 3, 2).text()

    assert Collection.of(text, NEW.payment_id) == Collection(NEW.payment_id, 3, 2)
    with pytest.raises(ToolRefusalError, match="another payment"):
        Collection.of(text, "payment_2")
