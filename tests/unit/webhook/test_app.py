from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from structlog.testing import capture_logs

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.settings import WebhookSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.stripe.events import WEBHOOK_PATH
from lea_payments.webhook.app import BODY_LIMIT, HTTP_STATUS, RETRY_AFTER_SECONDS, create_app
from tests.support import stripe_bodies
from tests.support.stripe_bodies import SECRET, sign

PAYMENT = Payment(payment_intent_id="payment_1")


class Applied(NamedTuple):
    """The result that the store returns for an event."""

    outcome: Outcome
    before: Payment | None = None
    after: Payment | None = None


class Store:
    """Applies every event with one outcome, or fails."""

    def __init__(self, applied: Applied | Exception) -> None:
        self._applied = applied
        self.events: list[PaymentEvent] = []

    async def apply(self, event: PaymentEvent) -> Applied:
        self.events.append(event)
        if isinstance(self._applied, Exception):
            raise self._applied
        return self._applied

    async def ping_events(self) -> None:
        """Succeeds: the table is available."""


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def delivering(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    settings = WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET": SECRET})
    app = create_app(settings, store)  # type: ignore[arg-type]  # the calls that the webhook needs
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://webhook") as client:
        yield client


async def _deliver(
    store: Store, body: bytes, signature: str | None = None, path: str = WEBHOOK_PATH
) -> tuple[int, str]:
    headers = {"Stripe-Signature": sign(body) if signature is None else signature}
    async with delivering(store) as stripe:
        answer = await stripe.post(path, content=body, headers=headers)
    assert answer.json() == {"outcome": answer.json()["outcome"]}
    return answer.status_code, answer.json()["outcome"]


@pytest.mark.parametrize("outcome", [Outcome.APPLIED, Outcome.DUPLICATE, Outcome.STALE, Outcome.REVIEW])
async def test_the_outcome_of_the_store_is_a_200(outcome: Outcome) -> None:
    store = Store(Applied(outcome, PAYMENT, PAYMENT))

    assert await _deliver(store, stripe_bodies.completed("payment_1")) == (200, str(outcome))
    assert [event.payment_ids for event in store.events] == [("payment_1",)]


async def test_an_event_of_another_system_is_a_200() -> None:
    assert await _deliver(Store(Applied(Outcome.UNMATCHED)), stripe_bodies.completed("p")) == (200, "unmatched")


async def test_a_charge_of_another_system_is_ignored_with_a_reason() -> None:
    with capture_logs() as lines:
        answer = await _deliver(Store(Applied(Outcome.IGNORED)), stripe_bodies.charged("p"))

    assert answer == (200, "ignored")
    assert [line["reason"] for line in lines if line["event"] == "webhook_answered"] == ["no_payment"]


async def test_an_unused_event_type_does_not_reach_the_store() -> None:
    store = Store(AssertionError())
    body = stripe_bodies.event("customer.created", {"object": "customer"})

    assert await _deliver(store, body) == (200, "ignored")
    assert store.events == []


async def test_a_table_that_fails_is_a_503() -> None:
    store = Store(UnavailableError("no answer"))

    assert await _deliver(store, stripe_bodies.completed("payment_1")) == (503, "unavailable")


@pytest.mark.parametrize(
    ("applied", "retry_after"),
    [(UnavailableError("no answer"), str(RETRY_AFTER_SECONDS)), (Applied(Outcome.STALE, PAYMENT, PAYMENT), None)],
    ids=["503", "200"],
)
async def test_only_a_503_asks_to_wait(applied: Applied | Exception, retry_after: str | None) -> None:
    body = stripe_bodies.completed("payment_1")
    async with delivering(Store(applied)) as stripe:
        answer = await stripe.post(WEBHOOK_PATH, content=body, headers={"Stripe-Signature": sign(body)})

    assert answer.headers.get("Retry-After") == retry_after


async def test_a_bug_is_a_500_and_a_log_line() -> None:
    with capture_logs() as lines:
        answer = await _deliver(Store(KeyError("a bug")), stripe_bodies.completed("payment_1"))

    assert answer == (500, "error")
    assert [line["event"] for line in lines] == ["webhook_failed", "webhook_answered"]


@pytest.mark.parametrize(
    ("body", "signature", "answer"),
    [
        (b"{}", "", (400, "invalid_signature")),
        (b"{}", None, (400, "invalid_payload")),
        (b"x" * (BODY_LIMIT + 1), None, (413, "too_large")),
    ],
    ids=["no signature", "not an event", "over the limit"],
)
async def test_an_invalid_delivery_does_not_reach_the_store(
    body: bytes, signature: str | None, answer: tuple[int, str]
) -> None:
    store = Store(AssertionError())

    assert await _deliver(store, body, signature) == answer
    assert store.events == []


async def test_a_slash_at_the_end_of_the_path_is_allowed() -> None:
    store = Store(Applied(Outcome.APPLIED, PAYMENT, PAYMENT))

    assert await _deliver(store, stripe_bodies.completed("payment_1"), path="/webhook/stripe/") == (200, "applied")


@pytest.mark.parametrize("path", ["/webhook/stripe//", "/webhook", "/webhook/stripes", "/Webhook/Stripe"])
async def test_another_path_is_a_404(path: str) -> None:
    async with delivering(Store(AssertionError())) as stripe:
        answer = await stripe.post(path, content=b"")

    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/webhook/stripe", "/webhook/stripe/"])
async def test_another_method_is_a_405(path: str) -> None:
    async with delivering(Store(AssertionError())) as stripe:
        answer = await stripe.get(path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_every_outcome_has_a_status() -> None:
    assert set(Outcome) <= set(HTTP_STATUS)
