"""Diagnoses why a signature matches none of the signing secrets; trusts, stores and logs nothing of the delivery."""

import asyncio
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import msgspec

from lea_payments.stripe.errors import InvalidSignatureError
from lea_payments.stripe.signature import NO_MATCH, signatures

DIAGNOSES_PER_SECOND = 10
WORK_PER_SECOND = 4 * 1024 * 1024
"""In bytes that are serialized or hashed, of all diagnoses together: at most about 50 ms of CPU, in one thread."""

SERIALIZATION_LIMIT = 32 * 1024
"""In bytes. Stripe's events have a few KiB; other serializations of a longer body are not tried."""

DEPTH_LIMIT, VALUE_LIMIT = 16, 2000
"""Of the JSON that is serialized again. Stripe's events have less than 10 levels and a few hundred values."""

OUTPUT_LIMIT = 6 * SERIALIZATION_LIMIT + VALUE_LIMIT * (2 * DEPTH_LIMIT + 4)
"""In bytes: the longest serialization that the other limits allow. An escape makes a letter up to six times as long."""

VALUE_WORK = 64
"""The work of sorting one value costs as much as hashing this number of bytes."""

_INDENTS = (-1, 0, 2)
"""The formats of `JSON.stringify`, of Python's `json.dumps` and of Stripe."""


class _Mode(msgspec.Struct):
    livemode: bool | None = None


_decode_mode = msgspec.json.Decoder(_Mode).decode


class WorkLimitError(Exception):
    """Raised when the diagnoses of this second have no work left."""


class Work:
    """The bytes that diagnoses may still serialize and hash."""

    def __init__(self, limit: int = WORK_PER_SECOND) -> None:
        self.remaining = limit

    def spend(self, size: int) -> None:
        """Subtracts work before it is done. Raises WorkLimitError if there is not enough."""
        if size > self.remaining:
            raise WorkLimitError
        self.remaining -= size


class SignatureDiagnosis:
    """Diagnoses signatures that match no secret in a thread; limits their number and their work per second."""

    def __init__(self, *, livemode: bool) -> None:
        self._livemode = livemode
        self._second = 0
        self._remaining = 0
        self._work = Work(0)
        self._thread = ThreadPoolExecutor(1, "signature-diagnosis")

    def diagnose(
        self,
        error: InvalidSignatureError,
        body: bytes,
        header: str | None,
        *,
        secrets: Sequence[str],
        now: float,
        callback: Callable[[BaseException], None],
    ) -> None:
        """Calls back with the error, or later with one that has a precise reason; `now` is in seconds."""
        if error.reason != NO_MATCH or not self._within_limit(int(now)):
            callback(error)
            return
        examine = partial(reason, body, header or "", secrets=secrets, livemode=self._livemode, work=self._work)
        diagnosis = asyncio.get_running_loop().run_in_executor(self._thread, examine)
        diagnosis.add_done_callback(lambda done: callback(done.exception() or InvalidSignatureError(done.result())))

    def _within_limit(self, second: int) -> bool:
        if second != self._second:
            self._second, self._remaining, self._work = second, DIAGNOSES_PER_SECOND, Work()
        self._remaining -= 1
        return self._remaining >= 0


def reason(body: bytes, header: str, *, secrets: Sequence[str], livemode: bool, work: Work) -> str:
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
    try:
        if _is_altered(body, header, secrets, work):
            return "altered_body"
    except WorkLimitError:
        return NO_MATCH
    return "wrong_secret" if body_livemode in (None, livemode) else "other_mode"


def _ends_early(body: bytes, problem: str) -> bool:
    """Whether the body is truncated; in the middle of a number, the decoder reports an invalid number instead."""
    stripped = body.strip()
    return problem == "Input data was truncated" or (stripped.startswith(b"{") and not stripped.endswith(b"}"))


def _is_altered(body: bytes, header: str, secrets: Sequence[str], work: Work) -> bool:
    """Whether the signature is valid for another serialization of the body."""
    if len(body) > SERIALIZATION_LIMIT:
        return False
    signed_at, expected = signatures(header)
    for text in _serializations(body.decode().strip(), work):
        signed = f"{signed_at}.{text}".encode()
        for secret in secrets:
            work.spend(len(signed))
            actual = hmac.digest(secret.encode(), signed, "sha256").hex().encode()
            if any(hmac.compare_digest(actual, one.encode()) for one in expected):
                return True
    return False


def _serializations(text: str, work: Work) -> Iterator[str]:
    """Yields other serializations of the same JSON: in the formats of common encoders and in Stripe's field order."""
    yield from (text, f"{text}\n")
    try:
        value = json.loads(text)
        values = _count(value, DEPTH_LIMIT, VALUE_LIMIT)
        work.spend(values * VALUE_WORK)
        yield from _indented(text, work)
        for ordered, ascii_only in product((value, _in_stripes_order(value)), (False, True)):
            serialized = json.dumps(ordered, ensure_ascii=ascii_only)
            work.spend(len(serialized))
            yield from _indented(serialized, work)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return  # values that Stripe does not send: too many, too deep, or endless numbers


def _indented(text: str, work: Work) -> Iterator[str]:
    for indent in _INDENTS:
        formatted = msgspec.json.format(text, indent=indent)
        work.spend(len(formatted))
        yield formatted


def _count(value: Any, depth: int, limit: int) -> int:
    """The number of values in the JSON. Raises ValueError above `limit` values or `depth` levels."""
    if not isinstance(value, dict | list):
        return 1
    values = 1
    for item in value.values() if isinstance(value, dict) else value:
        if depth == 0 or values >= limit:
            raise ValueError("too deep or too many values")
        values += _count(item, depth - 1, limit - values)
    return values


def _in_stripes_order(value: Any) -> Any:
    """Orders fields as Stripe does, `id` and `object` first, then alphabetically: some encoders sort all fields."""
    if isinstance(value, list):
        return [_in_stripes_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _in_stripes_order(value[name]) for name in sorted(value, key=_field_order)}


def _field_order(name: str) -> tuple[bool, bool, str]:
    return name != "id", name != "object", name
