import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from lea_payments.payment.changes import Applied
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError
from lea_payments.settings import WebhookSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.stripe.events import WEBHOOK_PATH
from lea_payments.telemetry.applying import Applying
from lea_payments.webhook.app import BODY_LIMIT, HTTP_STATUS, RETRY_AFTER_SECONDS, Webhook, create_app
from tests.support import stripe_bodies
from tests.support.exchanges import Answer, RecordedExchange, received, refused
from tests.support.recorded_spans import recorded_spans, span_named
from tests.support.stripe_bodies import SECRET, sign

PAYMENT = Payment(payment_intent_id="payment_1")
WRONG = f"t={2**31},v1={'0' * 64}"


class Store:
    """Applies every event with one result, which the callback gets a little later; or refuses it at once."""

    def __init__(self, applied: Applied | Exception, refusal: Exception | None = None) -> None:
        self._applied, self._refusal = applied, refusal
        self.events: list[PaymentEvent] = []

    def begin(self, event: PaymentEvent, applying: Applying, callback: Callable[[Applied | Exception], None]) -> None:
        del applying
        self.events.append(event)
        if self._refusal is not None:
            raise self._refusal
        asyncio.get_running_loop().call_soon(callback, self._applied)

    async def ping_events(self) -> None:
        """Succeeds: the table is available."""


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


def _app(store: Store) -> tuple[Any, Webhook]:
    settings = WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET": SECRET})
    return create_app(settings, store)  # type: ignore[arg-type]  # the calls that the webhook needs


def _outcome(exchange: RecordedExchange) -> tuple[int, str]:
    """The only answer."""
    [answer] = exchange.answers
    outcome = json.loads(answer.body)["outcome"]
    assert answer.body == b'{"outcome":"%s"}' % outcome.encode()
    return answer.status, outcome


async def _deliver(store: Store, body: bytes, signature: str | None = None) -> tuple[int, str]:
    _, webhook = _app(store)
    return _outcome(await received(webhook, body, stripe_signature=sign(body) if signature is None else signature))


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


UNAVAILABLE = [
    pytest.param(Store(UnavailableError("no answer")), id="after the write"),
    pytest.param(Store(AssertionError(), refusal=UnavailableError("too many events wait")), id="at once"),
]
BUGS = [
    pytest.param(Store(KeyError("a bug")), id="after the write"),
    pytest.param(Store(AssertionError(), refusal=KeyError("a bug")), id="at once"),
    pytest.param(Store(Applied(Outcome.APPLIED, PAYMENT, "not a payment")), id="in what follows"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("store", UNAVAILABLE)
async def test_a_table_that_fails_is_a_503(store: Store) -> None:
    assert await _deliver(store, stripe_bodies.completed("payment_1")) == (503, "unavailable")


@pytest.mark.parametrize(
    ("applied", "headers"),
    [
        (UnavailableError("no answer"), b"retry-after: %d\r\n" % RETRY_AFTER_SECONDS),
        (Applied(Outcome.STALE, PAYMENT, PAYMENT), b""),
    ],
    ids=["503", "200"],
)
async def test_only_a_503_asks_to_wait(applied: Applied | Exception, headers: bytes) -> None:
    body = stripe_bodies.completed("payment_1")
    _, webhook = _app(Store(applied))

    exchange = await received(webhook, body, stripe_signature=sign(body))

    assert [answer.headers for answer in exchange.answers] == [headers]


@pytest.mark.parametrize("store", BUGS)
async def test_a_bug_is_a_500_and_a_log_line(store: Store) -> None:
    with capture_logs() as lines:
        answer = await _deliver(store, stripe_bodies.completed("payment_1"))

    assert answer == (500, "error")
    assert [line["event"] for line in lines] == ["webhook_failed", "webhook_answered"]
    assert isinstance(lines[0]["exc_info"], Exception)


@pytest.mark.parametrize(
    ("body", "signature", "answer"),
    [
        (b"{}", "", (400, "invalid_signature")),
        (b"{}", WRONG, (400, "invalid_signature")),
        (b"{}", None, (400, "invalid_payload")),
    ],
    ids=["no signature", "wrong signature", "not an event"],
)
async def test_an_invalid_delivery_does_not_reach_the_store(
    body: bytes, signature: str | None, answer: tuple[int, str]
) -> None:
    store = Store(AssertionError())

    assert await _deliver(store, body, signature) == answer
    assert store.events == []


async def test_a_wrong_signature_has_a_diagnosis() -> None:
    body = stripe_bodies.completed("payment_1")

    with capture_logs() as lines:
        answer = await _deliver(Store(AssertionError()), body, sign(body, "whsec_of_another_endpoint"))

    assert answer == (400, "invalid_signature")
    assert [line["reason"] for line in lines if line["event"] == "webhook_answered"] == ["wrong_secret"]


@pytest.mark.parametrize(
    ("error", "answer"),
    [(BodyTooLargeError(), (413, "too_large")), (BodyIncompleteError(), (400, "invalid_payload"))],
    ids=["too large", "incomplete"],
)
async def test_a_refused_body_has_an_outcome(
    error: BodyTooLargeError | BodyIncompleteError, answer: tuple[int, str]
) -> None:
    _, webhook = _app(Store(AssertionError()))

    assert _outcome(await refused(webhook, error)) == answer


async def test_a_client_that_has_left_gets_no_answer() -> None:
    body = stripe_bodies.completed("payment_1")
    store = Store(Applied(Outcome.APPLIED, PAYMENT, PAYMENT))
    _, webhook = _app(store)
    exchange = RecordedExchange(webhook, stripe_signature=sign(body))

    with capture_logs() as lines:
        webhook.receive(exchange, body)
        exchange.disconnected = True
        await asyncio.sleep(0)

    assert exchange.answers == []
    assert [line["outcome"] for line in lines if line["event"] == "webhook_answered"] == ["applied"]


async def test_each_delivery_is_answered_from_its_own_callback() -> None:
    _, webhook = _app(Store(Applied(Outcome.APPLIED, PAYMENT, PAYMENT)))
    bodies = [stripe_bodies.completed(f"payment_{number}") for number in range(3)]
    exchanges = [RecordedExchange(webhook, stripe_signature=sign(body)) for body in bodies]

    for exchange, body in zip(exchanges, bodies, strict=True):
        webhook.receive(exchange, body)
    await asyncio.sleep(0)

    assert [exchange.answers for exchange in exchanges] == [[Answer(200, b'{"outcome":"applied"}', b"")]] * 3


async def test_a_delivery_is_one_server_span(exporter: InMemorySpanExporter) -> None:
    with capture_logs() as lines:
        await _deliver(Store(Applied(Outcome.APPLIED, PAYMENT, PAYMENT)), stripe_bodies.completed("payment_1"))

    span = span_named(exporter, f"POST {WEBHOOK_PATH}")
    assert span.context is not None
    assert [line["trace_id"] for line in lines] == [f"{span.context.trace_id:032x}"]


def test_the_direct_route_has_the_paths_and_the_limit() -> None:
    _, webhook = _app(Store(AssertionError()))

    assert sorted(webhook.paths) == ["/webhook/stripe", "/webhook/stripe/"]
    assert webhook.body_limit == BODY_LIMIT


@pytest.mark.parametrize("path", ["/webhook/stripe//", "/webhook", "/webhook/stripes", "/Webhook/Stripe"])
async def test_another_path_is_a_404(path: str) -> None:
    assert (await _request("POST", path)).status_code == 404


@pytest.mark.parametrize("path", ["/webhook/stripe", "/webhook/stripe/"])
async def test_another_method_is_a_405(path: str) -> None:
    answer = await _request("GET", path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def _request(method: str, path: str) -> httpx.Response:
    """The answer of the app, which gets what the direct route does not."""
    app, _ = _app(Store(AssertionError()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://webhook") as client:
        return await client.request(method, path)


def test_every_outcome_has_a_status() -> None:
    assert set(Outcome) <= set(HTTP_STATUS)
