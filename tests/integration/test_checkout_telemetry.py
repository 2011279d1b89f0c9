"""Counts calls of the checkout API while its callers, its Stripe key or Stripe fail."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from tests.support.checkout_api import SECRETS, checkout_client, payment_body
from tests.support.emulator import EmulatorClient
from tests.support.processes import Process
from tests.support.scrape import Scrape

CALLS, STRIPE_CALLS = "payments_checkout_requests_total", "payments_stripe_calls_total"
FORTY = 40


class MeasuredService(NamedTuple):
    """A checkout service, a client of its API, and the emulator behind it."""

    process: Process
    metrics: str
    api: httpx.Client
    stripe: httpx.Client

    def growth_of(self, name: str, action: Callable[[], object]) -> Mapping[tuple[str, ...], float]:
        """The growth of every series of this name while the action runs, by its label values in Prometheus' order."""
        before = Scrape.of(self.metrics).series(name)
        action()
        after = Scrape.of(self.metrics).series(name)
        assert after.keys() == before.keys(), "a new series: it did not start at 0"
        return {labels: value - before[labels] for labels, value in after.items() if value != before[labels]}

    def lines(self, event: str) -> list[str]:
        """The log lines of this event."""
        return [line for line in self.process.output().splitlines() if f'"{event}"' in line]


@pytest.fixture(scope="module")
def measured(start: Callable[..., Process], free_port: Callable[[], int]) -> Iterator[MeasuredService]:
    port = free_port()
    with EmulatorClient(start("stripe-emulator").url) as emulator:
        base = str(emulator.http.base_url)
        process = start("checkout", STRIPE_API_BASE=base, METRICS_PORT=str(port), **SECRETS)
        with checkout_client(process.url) as api:
            yield MeasuredService(process, f"http://127.0.0.1:{port}", api, emulator.http)


@pytest.fixture
def service(measured: MeasuredService) -> Iterator[MeasuredService]:
    yield measured
    measured.stripe.delete("/_faults").raise_for_status()


def _fail_stripe(service: MeasuredService, **fault: object) -> None:
    service.stripe.put("/_faults", json={"api_error": {"path": "/v1/checkout/sessions", **fault}}).raise_for_status()


def test_forty_calls_with_a_wrong_token_are_counted(service: MeasuredService) -> None:
    def call() -> None:
        for _ in range(FORTY):
            service.api.post("/payments", json=payment_body(), headers={"Authorization": "Bearer wrong"})

    assert service.growth_of(CALLS, call) == {("unauthorized", "create"): FORTY}
    assert len(service.lines("token_rejected")) == 1


def test_forty_calls_with_a_revoked_stripe_key_are_counted(service: MeasuredService) -> None:
    _fail_stripe(service, status=401)

    def call() -> None:
        for _ in range(FORTY):
            service.api.post("/payments", json=payment_body())

    assert service.growth_of(CALLS, call) == {("stripe_refused", "create"): FORTY}
    assert service.growth_of(STRIPE_CALLS, call) == {("create_session", "key_rejected"): FORTY}
    assert "set STRIPE_SECRET_KEY" in service.api.post("/payments", json=payment_body()).text


def test_forty_server_errors_of_stripe_are_counted(service: MeasuredService) -> None:
    """The official package repeats each call once. One more call finds that Stripe does not respond at all."""
    _fail_stripe(service, status=500)

    def call() -> None:
        with ThreadPoolExecutor(8) as callers:
            list(callers.map(lambda _: service.api.post("/payments", json=payment_body()), range(FORTY)))

    assert service.growth_of(CALLS, call) == {("stripe_error", "create"): FORTY}
    _fail_stripe(service, drop="request")
    one = service.growth_of(STRIPE_CALLS, lambda: service.api.post("/payments", json=payment_body()))
    assert one == {("create_session", "unreachable"): 1}


def test_forty_calls_with_bad_json_are_counted(service: MeasuredService) -> None:
    def call() -> None:
        for body in (b"{", json.dumps(payment_body()).encode("utf-16"), b'{"amount": 1, "amount": 2}', b"NaN") * 10:
            service.api.post("/payments", content=body, headers={"Content-Type": "application/json"})

    assert service.growth_of(CALLS, call) == {("invalid_json", "create"): FORTY}


def test_good_calls_are_counted_and_timed(service: MeasuredService) -> None:
    body = payment_body()

    def call() -> None:
        service.api.post("/payments", json=body)
        service.api.post("/payments", json=body)
        service.api.get(f"/payments/{body['payment_intent_id']}")
        service.api.get("/payments", params={"quote_id": body["quote_id"]})
        service.api.get("/livez")

    durations = service.growth_of("payments_checkout_request_duration_seconds_count", call)
    assert durations == {("create",): 2, ("get",): 1, ("list",): 1}
    stripe_calls = service.growth_of(STRIPE_CALLS, call)
    assert stripe_calls == {("retrieve_session", "ok"): 2}


def test_cancellations_are_counted_by_the_call(service: MeasuredService) -> None:
    def call() -> None:
        old = [payment_body() for _ in range(2)]
        for body in old:
            service.api.post("/payments", json=body)
        for _ in range(2):
            service.api.post(f"/payments/{old[0]['payment_intent_id']}/cancel")
        service.api.post("/payments", json=payment_body(supersedes=[old[1]["payment_intent_id"]]))

    assert service.growth_of("payments_canceled_total", call) == {("cancel",): 1, ("supersede",): 1}
    expired = service.growth_of("payments_outcomes_total", call)
    assert expired == {("sgd", "expired"): 2}
    assert service.growth_of(STRIPE_CALLS, call)[("expire_session", "ok")] == 2


def test_paths_that_do_not_exist_are_counted_together(service: MeasuredService) -> None:
    def call() -> None:
        for method, path in (
            ("GET", "/nothing"),
            ("POST", "/payments/"),
            ("DELETE", "/payments"),
            ("HEAD", "/payments"),
        ):
            service.api.request(method, path)

    assert service.growth_of(CALLS, call) == {("not_found", "other"): 2, ("method_not_allowed", "other"): 2}
