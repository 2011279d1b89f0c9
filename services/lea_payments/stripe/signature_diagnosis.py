"""Diagnoses why a signature matches none of the signing secrets; trusts, stores and logs nothing of the delivery."""

import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import msgspec

from lea_payments.stripe.errors import InvalidSignatureError
from lea_payments.stripe.signature import NO_MATCH, matches

DIAGNOSES_PER_SECOND = 10
"""One takes 0.6 ms for a typical event and 6 ms at most: a flood of deliveries costs at most 6 % of a processor."""

SERIALIZATION_LIMIT = 32 * 1024
"""In bytes. Stripe's events have a few KiB; other serializations of a longer body are not tried."""

_INDENTS = (-1, 0, 2)
"""The formats of `JSON.stringify`, of Python's `json.dumps` and of Stripe."""


class _Mode(msgspec.Struct):
    livemode: bool | None = None


_decode_mode = msgspec.json.Decoder(_Mode).decode


class SignatureDiagnosis:
    """Diagnoses signatures that match no secret, a limited number of times per second."""

    def __init__(self, *, livemode: bool) -> None:
        self._livemode = livemode
        self._second = 0
        self._remaining = 0

    def diagnose(
        self, error: InvalidSignatureError, body: bytes, header: str | None, *, secrets: Sequence[str], now: float
    ) -> InvalidSignatureError:
        """The error with a precise reason if it has none yet; `now` is in seconds."""
        if error.reason != NO_MATCH or not self._within_limit(int(now)):
            return error
        return InvalidSignatureError(reason(body, header or "", secrets=secrets, livemode=self._livemode))

    def _within_limit(self, second: int) -> bool:
        if second != self._second:
            self._second, self._remaining = second, DIAGNOSES_PER_SECOND
        self._remaining -= 1
        return self._remaining >= 0


def reason(body: bytes, header: str, *, secrets: Sequence[str], livemode: bool) -> str:
    """The reason as a metric label; the body is UTF-8, the header has a timestamp and a signature.

    A wrong signature and the right signature of another body look the same, so a reason is given only if it can be
    proved: the body ends early, the signature is valid for another serialization of the body, or the body is of the
    other mode. Everything else counts as a wrong secret.
    """
    try:
        body_livemode = _decode_mode(body).livemode
    except msgspec.ValidationError:
        body_livemode = None
    except (msgspec.DecodeError, RecursionError) as error:
        # Stripe always sends JSON: anything else was changed on the way, or is not from Stripe.
        return "truncated" if _ends_early(body, str(error)) else "altered_body"
    if any(matches(text, header, secret) for text in _serializations(body) for secret in secrets):
        return "altered_body"
    return "wrong_secret" if body_livemode in (None, livemode) else "other_mode"


def _ends_early(body: bytes, problem: str) -> bool:
    """Whether the body is truncated; in the middle of a number, the decoder reports an invalid number instead."""
    stripped = body.strip()
    return problem == "Input data was truncated" or (stripped.startswith(b"{") and not stripped.endswith(b"}"))


def _serializations(body: bytes) -> Iterator[str]:
    """Yields other serializations of the same JSON: in the formats of common encoders and in Stripe's field order."""
    if len(body) > SERIALIZATION_LIMIT:
        return
    text = body.decode().strip()
    yield from (text, f"{text}\n")
    try:
        yield from (msgspec.json.format(text, indent=indent) for indent in _INDENTS)
        value = json.loads(text)
        for ordered, ascii_only in product((value, _in_stripes_order(value)), (False, True)):
            serialized = json.dumps(ordered, ensure_ascii=ascii_only)
            yield from (msgspec.json.format(serialized, indent=indent) for indent in _INDENTS)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return  # endless numbers and similar values, which Stripe does not send


def _in_stripes_order(value: Any) -> Any:
    """Orders fields as Stripe does, `id` and `object` first, then alphabetically: some encoders sort all fields."""
    if isinstance(value, list):
        return [_in_stripes_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _in_stripes_order(value[name]) for name in sorted(value, key=_field_order)}


def _field_order(name: str) -> tuple[bool, bool, str]:
    return name != "id", name != "object", name
