"""Handles one HTTP request to Stripe's API: authentication, idempotency, faults and errors."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from stripe_emulator.api import authentication
from stripe_emulator.api.hang_up import NoResponse
from stripe_emulator.calls import expansion, forms, parameters
from stripe_emulator.calls.call import ApiCall, Endpoint
from stripe_emulator.calls.expansion import ExpandParameters
from stripe_emulator.calls.idempotency import StoredAnswer
from stripe_emulator.emulator import Current, Emulator
from stripe_emulator.faults.faults import ApiFault
from stripe_emulator.faults.gate import injected_error
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import API_VERSION, Json
from stripe_emulator.state.objects import new_id


def handler(endpoint: Endpoint) -> Callable[[Request, Emulator], Awaitable[Response]]:
    """Return the HTTP handler of an endpoint."""

    async def handle(request: Request, emulator: Current) -> Response:
        body = await request.body()
        request_id = new_id("req")
        fault = emulator.gate.next_fault(request.url.path)
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
        authentication.check(request.headers.get("Authorization", ""))
        values = _values(request, body)
        if key and (first := emulator.answers.find(key, request.url.path, values)):
            headers = {"Idempotent-Replayed": "true", "Original-Request": first.request_id}
            return Response(first.body, first.status, headers, "application/json")
        if fault and fault.status:
            raise injected_error(fault.status)
        with emulator.account.caused_by(request_id, key):
            status, answer = 200, _execute(emulator, endpoint, request, values)
    except StripeApiError as error:
        status, answer = error.status, error.body()
    content = json.dumps(answer, indent=2).encode()
    # Stripe repeats the answer to a call that was executed, even if the card was declined. A call that was rejected
    # before its execution can be repeated with the same key.
    executed = fault.stored if fault and fault.status else status in (200, 402)
    if key and executed:
        emulator.answers.keep(key, StoredAnswer(request.url.path, values, status, content, request_id))
    return Response(content, status, media_type="application/json")


def _values(request: Request, body: bytes) -> Json:
    encoded = body.decode("utf-8", "replace") if request.method == "POST" else request.url.query
    try:
        return forms.parse(encoded)
    except forms.FormError as error:
        raise StripeApiError(str(error)) from error


def _execute(emulator: Emulator, endpoint: Endpoint, request: Request, values: Json) -> Json:
    own = {name: value for name, value in values.items() if name != "expand"}
    expand = parameters.read(ExpandParameters, {name: values[name] for name in values.keys() - own.keys()}).expand
    call = ApiCall(request.url.path, own, request.path_params.get("id", ""))
    return expansion.expanded(emulator.account, endpoint(emulator.account, call), expand or [])
