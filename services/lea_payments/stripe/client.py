"""Creates the official Stripe client with limits of time and size, and reads its errors and headers."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import stripe

from lea_payments.outbound import failures
from lea_payments.outbound.http_session import OutboundSession
from lea_payments.stripe.shapes import is_code

CONNECT_SECONDS = 2.0
READ_SECONDS = 6.0
MAX_BODY = 8 * 1024 * 1024
"""In bytes, uncompressed: a page of 100 sessions with all the metadata that Stripe allows has 5 MiB."""

UNREADABLE = "the response is not a JSON object"
_ERROR_FIELDS = ("type", "code", "message", "param")
_KEY = re.compile(r"\b[sr]k_(test|live)_\S+")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_MAX_TEXT, _MAX_MESSAGE = 1000, 300


def client(key: str, base: str, *, read_seconds: float = READ_SECONDS, retries: int = 0) -> stripe.StripeClient:
    """A client for Stripe's API at this URL that repeats failed calls up to `retries` times."""
    return stripe.StripeClient(
        key,
        base_addresses={"api": base.rstrip("/")},
        max_network_retries=retries,
        http_client=_HttpClient(
            timeout=(CONNECT_SECONDS, read_seconds), session=OutboundSession(stripe.ca_bundle_path)
        ),
    )


class _HttpClient(stripe.RequestsClient):
    """Passes on only bodies that are safe for the official package: see `safe_body`."""

    def request(  # type: ignore[override]  # as the class above does
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Sends the request, and reads the response up to the limit."""
        stream, status, response_headers = self.request_stream(method, url, headers, post_data)
        try:
            body = stream.read(MAX_BODY + 1, decode_content=True)
        except Exception as error:  # noqa: BLE001 - the connection broke, or the compression is invalid
            stream.close()
            raise _repeatable(f"the response ended early: {type(error).__name__}") from None
        if len(body) > MAX_BODY:
            stream.close()
        return safe_body(body, status), status, response_headers


def safe_body(body: bytes, status: int) -> str:
    """The body of a response, from which the official package can create objects and errors.

    The package quotes an unreadable body in its exception, and an error keeps its body, with all personal data. So the
    first raises APIConnectionError without its text here, so that the package repeats the call: a proxy can have cut
    the response. The second is reduced to the fields that say what is wrong.
    """
    content = _content(body) if len(body) <= MAX_BODY else None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return json.dumps({"error": _error_fields(content)})
    if not isinstance(content, dict):
        raise _repeatable(UNREADABLE, status)
    return body.decode(errors="replace")


def _repeatable(text: str, status: int | None = None) -> stripe.APIConnectionError:
    """An error after which the official package repeats a call, up to the limit of its client."""
    return stripe.APIConnectionError(text, http_status=status, should_retry=True)  # type: ignore[no-untyped-call]  # it has no types


def _content(body: bytes) -> object:
    try:
        return json.loads(body.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None


def _error_fields(content: object) -> Mapping[str, str]:
    match content:
        case {"error": dict(error)}:
            return {name: error[name] for name in _ERROR_FIELDS if isinstance(error.get(name), str)}
    return {}


def message_of(error: stripe.StripeError) -> str:
    """Stripe's error message without addresses and the API key, which Stripe quotes in part."""
    text = error.user_message or ""
    if len(text) > _MAX_TEXT:  # without its last word, which can be a part of an address or of a key
        text = text[:_MAX_TEXT].rpartition(" ")[0]
    return _EMAIL.sub("[address]", _KEY.sub("[key]", text))[:_MAX_MESSAGE]


def unavailable_reason(error: stripe.StripeError) -> str:
    """Why a call has no usable response, and what to check, as the end of a sentence that begins with Stripe."""
    status = error.http_status
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f"Stripe is unreachable: a proxy requires a password: {failures.CREDENTIALS_REMEDY}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Stripe limits the rate of calls: wait a minute, and stop other programs that use this account"
    if status is not None:
        return f"Stripe answers with HTTP {status}: check status.stripe.com and STRIPE_API_BASE"
    reason = failures.reason(error, settings="STRIPE_API_BASE", slow="check status.stripe.com and STRIPE_API_BASE")
    return f"Stripe is unreachable: {reason or 'check the network and STRIPE_API_BASE'}"


def details_of(error: stripe.StripeError) -> Mapping[str, object]:
    """The fields of a log line about an error. None of them can hold personal data; some have no value."""
    return {
        "http_status": error.http_status,
        "stripe_code": error.code if is_code(error.code) else None,
        "stripe_request": error.request_id,
        "remedy": unavailable_reason(error) if error.http_status is None else None,
    }


def header(headers: Mapping[str, str], name: str) -> str:
    """A response header by its lower-case name, or an empty string."""
    return next((value for key, value in headers.items() if key.lower() == name), "")
