"""Stripe's API v1 over HTTP: keys, form bodies, idempotency, errors; what each resource does is elsewhere."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from stripe_emulator.api.hang_up import NoResponse
from stripe_emulator.calls import calls, forms
from stripe_emulator.calls.calls import Call, Endpoint
from stripe_emulator.calls.params import Params
from stripe_emulator.emulator import Emulator, Reply
from stripe_emulator.faults.faults import ApiFault
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import ApiError, Json
from stripe_emulator.state.objects import API_VERSION, new_id
from stripe_emulator.v1 import catalog, disputes, payment_intents, payment_methods, refunds, sessions, webhook_endpoints

ROUTES: list[tuple[str, str, Endpoint]] = [
    ("POST", "/products", catalog.create_product),
    ("GET", "/products", catalog.list_products),
    ("GET", "/products/{id}", catalog.retrieve_product),
    ("POST", "/products/{id}", catalog.update_product),
    ("POST", "/prices", catalog.create_price),
    ("GET", "/prices", catalog.list_prices),
    ("GET", "/prices/{id}", catalog.retrieve_price),
    ("POST", "/prices/{id}", catalog.update_price),
    ("POST", "/customers", catalog.create_customer),
    ("GET", "/customers", catalog.list_customers),
    ("GET", "/customers/{id}", catalog.retrieve_customer),
    ("POST", "/customers/{id}", catalog.update_customer),
    ("GET", "/customers/{id}/payment_methods", payment_methods.list_all),
    ("POST", "/checkout/sessions", sessions.create),
    ("GET", "/checkout/sessions", sessions.list_all),
    ("GET", "/checkout/sessions/{id}", sessions.retrieve),
    ("POST", "/checkout/sessions/{id}", sessions.update),
    ("POST", "/checkout/sessions/{id}/expire", sessions.expire),
    ("GET", "/checkout/sessions/{id}/line_items", sessions.line_items),
    ("GET", "/payment_pages/{id}", sessions.page),
    ("POST", "/payment_pages/{id}/confirm", sessions.confirm),
    ("POST", "/payment_intents", payment_intents.create),
    ("GET", "/payment_intents", payment_intents.list_all),
    ("GET", "/payment_intents/{id}", payment_intents.retrieve),
    ("POST", "/payment_intents/{id}", payment_intents.update),
    ("POST", "/payment_intents/{id}/confirm", payment_intents.confirm),
    ("POST", "/payment_intents/{id}/cancel", payment_intents.cancel),
    ("GET", "/charges", payment_intents.list_charges),
    ("GET", "/charges/{id}", payment_intents.retrieve_charge),
    ("POST", "/payment_methods", payment_methods.create),
    ("GET", "/payment_methods", payment_methods.list_all),
    ("GET", "/payment_methods/{id}", payment_methods.retrieve),
    ("POST", "/payment_methods/{id}/attach", payment_methods.attach),
    ("POST", "/payment_methods/{id}/detach", payment_methods.detach),
    ("POST", "/refunds", refunds.create),
    ("GET", "/refunds", refunds.list_all),
    ("GET", "/refunds/{id}", refunds.retrieve),
    ("POST", "/refunds/{id}", refunds.update),
    ("GET", "/disputes", disputes.list_all),
    ("GET", "/disputes/{id}", disputes.retrieve),
    ("POST", "/disputes/{id}", disputes.update),
    ("POST", "/disputes/{id}/close", disputes.accept),
    ("GET", "/events", webhook_endpoints.list_events),
    ("GET", "/events/{id}", webhook_endpoints.retrieve_event),
    ("POST", "/events/{id}/retry", webhook_endpoints.retry_event),
    ("POST", "/webhook_endpoints", webhook_endpoints.create),
    ("GET", "/webhook_endpoints", webhook_endpoints.list_all),
    ("GET", "/webhook_endpoints/{id}", webhook_endpoints.retrieve),
    ("POST", "/webhook_endpoints/{id}", webhook_endpoints.update),
    ("DELETE", "/webhook_endpoints/{id}", webhook_endpoints.delete),
]
KEYS = ("sk_test_", "rk_test_")
MAX_IDEMPOTENCY_KEY = 255
INJECTED: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", None),
    402: ("card_error", "card_declined"),
    429: ("invalid_request_error", "rate_limit"),
    409: ("invalid_request_error", "lock_timeout"),
    400: ("invalid_request_error", None),
    404: ("invalid_request_error", "resource_missing"),
}


def add_routes(app: FastAPI) -> None:
    """Everything under /v1."""
    for method, path, endpoint in ROUTES:
        app.add_api_route(f"/v1{path}", _handler(endpoint), methods=[method], name=f"{method} {path}")
    app.add_api_route("/v1/{rest:path}", _handler(_no_such_url), methods=["GET", "POST", "DELETE", "PUT", "PATCH"])


def _handler(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        emulator: Emulator = request.app.state.emulator
        body = await request.body()
        request_id = new_id("req")
        fault = emulator.gate.strike(request.url.path)
        if fault and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault and fault.drop == "request":
            return NoResponse()
        response = _answer(emulator, endpoint, request, body, request_id, fault)
        response.headers["Request-Id"] = request_id
        response.headers["Stripe-Version"] = API_VERSION
        if fault and fault.status and fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return NoResponse() if fault and fault.drop == "response" else response

    return handle


def _answer(
    emulator: Emulator, endpoint: Endpoint, request: Request, body: bytes, request_id: str, fault: ApiFault | None
) -> Response:
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    values: Json = {}
    try:
        _authenticate(request.headers.get("Authorization", ""))
        values = _values(request, body)
        if key and (first := _first_reply(emulator, key, request.url.path, values)):
            replayed = {"Idempotent-Replayed": "true", "Original-Request": first.request_id}
            return Response(first.body, first.status, replayed, "application/json")
        if fault and fault.status:
            raise _injected(fault.status)
        with emulator.account.caused_by(request_id, key):
            status, answer = 200, _execute(emulator, endpoint, request, values)
    except ApiError as refused:
        status, answer = refused.status, refused.body()
    content = json.dumps(answer, indent=2).encode()
    # What was refused before it began is not remembered; a declined card and a finished call are.
    begun = fault.stored if fault and fault.status else status in (200, 402)
    if key and begun:
        emulator.replies.setdefault(key, Reply(request.url.path, values, status, content, request_id))
    return Response(content, status, media_type="application/json")


def _values(request: Request, body: bytes) -> Json:
    encoded = body.decode("utf-8", "replace") if request.method == "POST" else request.url.query
    try:
        return forms.parse(encoded)
    except forms.FormError as broken:
        raise ApiError(str(broken)) from broken


def _execute(emulator: Emulator, endpoint: Endpoint, request: Request, values: Json) -> Json:
    params = Params(values)
    expand = params.texts("expand")
    call = Call(request.url.path, params, request.path_params.get("id", ""))
    answer = endpoint(emulator.account, call)
    params.finish()
    return calls.expanded(emulator.account, answer, expand)


def _authenticate(authorization: str) -> None:
    scheme, _, credentials = authorization.partition(" ")
    key = credentials.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key).decode().partition(":")[0]
        except ValueError:
            key = "not base64"
    if not key:
        raise ApiError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not key.startswith(KEYS):
        hidden = f"{key[:7]}{'*' * 8}{key[-4:]}"
        raise ApiError(f"Invalid API Key provided: {hidden} (this emulator takes sk_test_… keys)", status=401)


def _first_reply(emulator: Emulator, key: str, path: str, values: Json) -> Reply | None:
    if len(key) > MAX_IDEMPOTENCY_KEY:
        raise ApiError(f"Idempotency-Key must be at most {MAX_IDEMPOTENCY_KEY} characters.", kind="idempotency_error")
    first = emulator.replies.get(key)
    if first and first.path != path:
        raise ApiError(
            f"Keys for idempotent requests can only be used for the same endpoint they were first used for"
            f" ('{path}' vs '{first.path}'). Try using a key other than '{key}' if you meant to execute a different"
            f" request.",
            kind="idempotency_error",
        )
    if first and first.request != values:
        raise ApiError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try"
            f" using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return first


def _injected(status: int) -> ApiError:
    kind, code = INJECTED.get(status, ("api_error", None))
    return ApiError("This error was asked for through /_faults.", status=status, kind=kind, code=code)


def _no_such_url(_world: object, call: Call) -> Json:
    raise errors.ApiError(f"Unrecognized request URL ({call.path}).", status=404)
