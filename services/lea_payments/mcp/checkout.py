"""Calls the checkout API, with the errors of the tools."""

import asyncio
import re
from collections.abc import Mapping
from typing import NamedTuple, Self, TypeVar
from urllib.parse import urlencode

import msgspec

from lea_payments.mcp.arguments import NewLink
from lea_payments.mcp.errors import ToolRefusalError
from lea_payments.outbound.http_client import CallError, HttpClient, NoResponseError, NotSentError
from lea_payments.payment.record import Status
from lea_payments.telemetry import spans
from lea_payments.telemetry.mcp import checkout_calls as telemetry

CALL_SECONDS = 20.0
"""The time for a call that does not wait: checkout calls Stripe for longer than that only if Stripe hangs."""

CONNECTIONS = 1000
"""As many as a service accepts: each agent that waits occupies one, and the others must not wait for it."""

RESPONSE_LIMIT = 1024 * 1024
"""In bytes. A payment with all its objects and its history has less than 100 KB."""

MESSAGE_LENGTH = 500
PARAMS: Mapping[str, str] = {"payment_intent_id": "payment_id", "Idempotency-Key": "idempotency_key"}
"""The tools' names for parameters of the checkout API."""

CONNECT_SECONDS = 5.0
BodyT = TypeVar("BodyT")
_CODE = re.compile(r"[a-z][a-z_]{0,63}")
SERVER_ERROR = 500


class PaymentBody(msgspec.Struct):
    """What the tools use of a payment in the checkout API's answers."""

    payment_intent_id: str
    payment_status: Status
    final: bool
    status_reason: str | None = None
    amount: int | None = None
    currency: str | None = None
    version: int | None = None


class LinkBody(msgspec.Struct):
    """A link in the checkout API's answers."""

    url: str
    expires_at: str


class CreatedBody(msgspec.Struct):
    """The answer to a new payment."""

    payment: PaymentBody
    link: LinkBody


class _Error(msgspec.Struct):
    code: str
    message: str
    param: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


class _Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str]


class CheckoutApi:
    """The checkout API. Every method raises ToolRefusalError if the call fails."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._http = HttpClient(CONNECTIONS, CONNECT_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self._http.close()

    def use(self, token: str) -> None:
        """Makes the next calls with this token."""
        self._token = token

    async def create(self, new: NewLink) -> tuple[CreatedBody, bool]:
        """Creates a payment, or finds it, and returns its link; also says whether the link is new."""
        fields = new.model_dump(exclude_none=True, exclude={"idempotency_key"})
        body = {"payment_intent_id": new.payment_id, **fields}
        answer = await self._call("POST", "/payments", body=msgspec.json.encode(body))
        return _decoded(answer, CreatedBody), answer.status == 201

    async def read(self, payment_id: str, wait: int = 0, after: int | None = None) -> PaymentBody:
        """The payment, at once or when its version differs from `after`, at the latest after `wait` seconds."""
        query = {name: str(value) for name, value in (("wait", wait), ("after", after)) if value}
        answer = await self._call(
            "GET", "/payments/{payment_intent_id}", payment_id, query=query, seconds=CALL_SECONDS + wait
        )
        return _decoded(answer, PaymentBody)

    async def cancel(self, payment_id: str) -> PaymentBody:
        """Cancels the payment's link."""
        return _decoded(
            await self._call("POST", "/payments/{payment_intent_id}/cancel", payment_id, body=b""), PaymentBody
        )

    async def ping(self) -> None:
        """Raises ToolRefusalError unless the checkout API accepts a call with this server's token."""
        await self._call("GET", "/payments", query={"quote_id": "mcp_readiness", "limit": "1"})

    async def _call(
        self,
        method: str,
        route: str,
        payment_id: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = CALL_SECONDS,
    ) -> _Answer:
        path = route.format(payment_intent_id=payment_id)
        url = f"{self._url}{path}?{urlencode(query)}" if query else f"{self._url}{path}"
        with telemetry.checkout_call(method, route):
            answer = await self._send(method, url, body, seconds)
            if answer.status >= 300:
                raise _refusal_of(answer)
            return answer

    async def _send(self, method: str, url: str, body: bytes | None, seconds: float) -> _Answer:
        """Sends a call, and once more if an idle connection closed under it: every call can be repeated."""
        try:
            try:
                return await self._send_once(method, url, body, seconds)
            except NoResponseError:
                return await self._send_once(method, url, body, seconds)
        except (CallError, TimeoutError) as error:
            telemetry.checkout_unreachable(error, url)
            is_sent = not isinstance(error, NotSentError)
            raise ToolRefusalError("checkout_unreachable", "", may_have_created=is_sent) from None

    async def _send_once(self, method: str, url: str, body: bytes | None, seconds: float) -> _Answer:
        """One call. A body that is longer than the limit is not JSON then."""
        async with (
            asyncio.timeout(seconds),
            self._http.send(method, url, self._headers(), body) as response,
        ):
            return _Answer(response.status, await response.read(RESPONSE_LIMIT), response.headers)

    def _headers(self) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if traceparent := spans.current_traceparent():
            headers["traceparent"] = traceparent
        return headers


def _decoded(answer: _Answer, kind: type[BodyT]) -> BodyT:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError:
        raise ToolRefusalError("checkout_error", "", may_have_created=True) from None


def _refusal_of(answer: _Answer) -> ToolRefusalError:
    """The checkout API's error. The answer of anything else, such as a proxy, is a checkout_error."""
    may_have_created = answer.status >= SERVER_ERROR
    try:
        error = msgspec.json.decode(answer.body, type=_ErrorBody).error
    except msgspec.DecodeError:
        error = _Error("checkout_error", "")
    if not _CODE.fullmatch(error.code):
        error = _Error("checkout_error", "")
    retry_after = answer.headers.get("retry-after", "")
    return ToolRefusalError(
        error.code,
        error.message[:MESSAGE_LENGTH],
        param=error.param and PARAMS.get(error.param, error.param),
        retry_after=int(retry_after)
        if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6
        else None,
        may_have_created=may_have_created,
    )
