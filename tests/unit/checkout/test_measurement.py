from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.requests import Request

from lea_payments.checkout.errors import CANCEL, CREATE, ERRORS, GET, LIST
from lea_payments.checkout.measurement import CODES, ROUTES, MeasuredCalls, note_code
from lea_payments.telemetry.services.checkout import CALLER_LEFT

CALLS = "payments_checkout_requests_total"
DURATION = "payments_checkout_request_duration_seconds_count"


async def _create(request: Request) -> None:
    note_code(request, "already_completed")


async def _get(payment_intent_id: str) -> None:
    raise KeyError(payment_intent_id)


async def _list() -> None:
    """Succeeds."""


async def _call(method: str, path: str) -> None:
    app = FastAPI()
    app.add_api_route("/payments", _create, methods=["POST"], status_code=409)
    app.add_api_route("/payments", _list, methods=["GET"])
    app.add_api_route("/payments/{payment_intent_id}", _get, methods=["GET"])
    app.add_api_route("/livez", _list, methods=["GET"])
    app.add_middleware(MeasuredCalls)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        await client.request(method, path)


def _counts(name: str) -> dict[tuple[str, ...], float]:
    samples = [sample for family in REGISTRY.collect() for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in samples}


@pytest.mark.parametrize(
    ("method", "path", "labels", "timed"),
    [
        ("POST", "/payments", ("create", "already_completed"), False),
        ("GET", "/payments", ("list", "ok"), True),
        ("GET", "/payments/payment_1", ("get", "internal_error"), True),
        ("GET", "/nothing", ("other", "ok"), False),
        ("WHAT", "/payments", ("other", "ok"), False),
    ],
)
async def test_a_call_is_counted_once(method: str, path: str, labels: tuple[str, str], *, timed: bool) -> None:
    """Answers 4xx are not timed. Here nothing notes the code of paths that do not exist; the service does."""
    await _call("GET", "/livez")
    before = _counts(CALLS), _counts(DURATION)

    await _call(method, path)

    grown: list[Any] = [
        {key: value - old.get(key, 0) for key, value in _counts(name).items() if value != old.get(key, 0)}
        for name, old in zip((CALLS, DURATION), before, strict=True)
    ]
    assert grown == [{labels: 1}, {(labels[0],): 1} if timed else {}]


async def test_probes_are_not_counted() -> None:
    await _call("GET", "/payments")
    before = _counts(CALLS)

    await _call("GET", "/livez")

    assert _counts(CALLS) == before


def test_every_code_of_every_route_has_a_series() -> None:
    MeasuredCalls(FastAPI())

    assert set(_counts(CALLS)) == {(route, code) for route, codes in CODES.items() for code in ("ok", *codes)}


def test_every_error_code_belongs_to_a_route() -> None:
    assert {code for codes in CODES.values() for code in codes} == {*ERRORS, CALLER_LEFT}
    assert set(ROUTES.values()) == {CREATE, GET, LIST, CANCEL}
