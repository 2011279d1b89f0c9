"""Why a signature fits none of our secrets, as far as the bytes can tell; trusts, keeps and repeats none of them.

A right signature of another body and a wrong one look the same, so only what can be shown is told: that the body ends
early, that it is what was signed in another spelling, that it claims the other mode. The rest counts as a wrong secret.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import msgspec

from lea_payments.stripe.errors import InvalidSignatureError
from lea_payments.stripe.signature import NO_MATCH, fits

EXAMS_PER_SECOND = 10
"""One takes 0.6 ms for a body of Stripe's, 6 ms at worst: a flood gets 6 % of a processor for it and no more."""

REWRITE_LIMIT = 32 * 1024
"""In bytes. Stripe's events are a few KiB; the spellings of a longer body are not tried."""

_INDENTS = (-1, 0, 2)
"""As `JSON.stringify` writes, as Python's `json.dumps` does, and as Stripe does."""


class _Claim(msgspec.Struct):
    livemode: bool | None = None


_decode_claim = msgspec.json.Decoder(_Claim).decode


class Doctor:
    """Examines deliveries that no secret fits, so many a second at most."""

    def __init__(self, *, livemode: bool) -> None:
        self._livemode = livemode
        self._second = 0
        self._left = 0

    def examined(
        self, refused: InvalidSignatureError, body: bytes, header: str | None, *, secrets: Sequence[str], now: float
    ) -> InvalidSignatureError:
        """The refusal with a closer reason, if it has none yet; `now` is in seconds."""
        if refused.reason != NO_MATCH or not self._may_examine(int(now)):
            return refused
        return InvalidSignatureError(reason(body, header or "", secrets=secrets, livemode=self._livemode))

    def _may_examine(self, second: int) -> bool:
        if second != self._second:
            self._second, self._left = second, EXAMS_PER_SECOND
        self._left -= 1
        return self._left >= 0


def reason(body: bytes, header: str, *, secrets: Sequence[str], livemode: bool) -> str:
    """The reason's metric label for a body in UTF-8 and a header with a timestamp and a signature."""
    try:
        claimed = _decode_claim(body).livemode
    except msgspec.ValidationError:
        claimed = None
    except (msgspec.DecodeError, RecursionError) as error:
        # Stripe sends JSON, always: what is none has changed on the way, if it ever was Stripe's.
        return "truncated" if _ends_early(body, str(error)) else "altered_body"
    if any(fits(text, header, secret) for text in _spellings(body) for secret in secrets):
        return "altered_body"
    return "wrong_secret" if claimed in (None, livemode) else "other_mode"


def _ends_early(body: bytes, problem: str) -> bool:
    """A number may be cut off in a place where the reader sees a wrong one."""
    bare = body.strip()
    return problem == "Input data was truncated" or (bare.startswith(b"{") and not bare.endswith(b"}"))


def _spellings(body: bytes) -> Iterator[str]:
    """What the same JSON may have looked like before: in the usual encoders' ways, and in Stripe's order of fields."""
    if len(body) > REWRITE_LIMIT:
        return
    bare = body.decode().strip()
    yield from (bare, f"{bare}\n")
    try:
        yield from (msgspec.json.format(bare, indent=indent) for indent in _INDENTS)
        read = json.loads(bare)
        for said, ascii_only in product((read, _in_stripes_order(read)), (False, True)):
            written = json.dumps(said, ensure_ascii=ascii_only)
            yield from (msgspec.json.format(written, indent=indent) for indent in _INDENTS)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return  # numbers without end and the like, which Stripe does not send


def _in_stripes_order(said: Any) -> Any:
    """`id` and `object` first, then by the alphabet; undoes encoders that sort the names."""
    if isinstance(said, list):
        return [_in_stripes_order(inner) for inner in said]
    if not isinstance(said, dict):
        return said
    return {name: _in_stripes_order(said[name]) for name in sorted(said, key=_rank_of_name)}


def _rank_of_name(name: str) -> tuple[bool, bool, str]:
    return name != "id", name != "object", name
