import asyncio
import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from lea_payments.stripe.errors import InvalidSignatureError
from lea_payments.stripe.signature import NO_MATCH, SIGNATURE_LIMIT, SIGNATURE_REASONS, TOLERANCE_SECONDS, verify
from lea_payments.stripe.signature_diagnosis import (
    DEPTH_LIMIT,
    DIAGNOSES_PER_SECOND,
    OUTPUT_LIMIT,
    SERIALIZATION_LIMIT,
    VALUE_LIMIT,
    WORK_PER_SECOND,
    SignatureDiagnosis,
    Work,
    reason,
)
from tests.support.examples import examples
from tests.support.stripe_bodies import SECRET, completed, sign

NOW = 1_800_000_000
EVENT: dict[str, Any] = json.loads(completed("payment_1", metadata={"name": "Zoë/<日本>", "fee": 0.5}))
STRIPE_BODY = json.dumps(EVENT, indent=2, ensure_ascii=False).encode()
"""An event as Stripe serializes it: indented by two spaces, without escapes."""


def _diagnosed(body: bytes, header: str | None) -> str:
    with pytest.raises(InvalidSignatureError) as error_info:
        verify(body, header, secrets=(SECRET,), now=NOW)
    if error_info.value.reason != NO_MATCH:
        return error_info.value.reason
    return _reason(body, header or "")


def _reason(body: bytes, header: str, secrets: tuple[str, ...] = (SECRET,)) -> str:
    return reason(body, header, secrets=secrets, livemode=False, work=Work())


def test_eight_faults_have_eight_reasons() -> None:
    signed = sign(STRIPE_BODY, at=NOW)
    live = STRIPE_BODY.replace(b'"livemode": false', b'"livemode": true')

    reasons = {
        "no header": _diagnosed(STRIPE_BODY, None),
        "no v1": _diagnosed(STRIPE_BODY, f"t={NOW},v0=00"),
        "wrong secret": _diagnosed(STRIPE_BODY, sign(STRIPE_BODY, "whsec_of_another_endpoint", NOW)),
        "other mode's secret": _diagnosed(live, sign(live, "whsec_of_the_other_mode", NOW)),
        "altered body": _diagnosed(json.dumps(EVENT).encode(), signed),
        "old": _diagnosed(STRIPE_BODY, sign(STRIPE_BODY, at=NOW - TOLERANCE_SECONDS - 1)),
        "future": _diagnosed(STRIPE_BODY, sign(STRIPE_BODY, at=NOW + TOLERANCE_SECONDS + 1)),
        "truncated": _diagnosed(STRIPE_BODY[:-40], signed),
    }

    assert list(reasons.values()) == [
        *("no_header", "no_v1", "wrong_secret", "other_mode", "altered_body", "too_old", "in_future", "truncated")
    ]
    assert set(reasons.values()) < set(SIGNATURE_REASONS)


def _sorted_by_go(event: dict[str, Any]) -> str:
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


SERIALIZERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "JSON.stringify": lambda event: json.dumps(event, separators=(",", ":"), ensure_ascii=False),
    "json.dumps": json.dumps,
    "json_encode": lambda event: json.dumps(event, separators=(",", ":")).replace("/", "\\/"),
    "encoding/json": _sorted_by_go,
    "msgspec": lambda event: msgspec.json.encode(event).decode(),
    "final newline": lambda event: json.dumps(event, indent=2, ensure_ascii=False) + "\n",
    "Windows line ends": lambda event: json.dumps(event, indent=2, ensure_ascii=False).replace("\n", "\r\n"),
    "byte order mark": lambda event: "\ufeff" + json.dumps(event, indent=2, ensure_ascii=False),
}


def _in_order(event: dict[str, Any]) -> dict[str, Any]:
    inner = event["data"]["object"]
    inner = {"id": inner.pop("id"), "object": inner.pop("object")} | dict(sorted(inner.items()))
    rest = {"data": {"object": inner}} | {name: event[name] for name in event if name not in ("id", "object", "data")}
    request = {"request": dict(sorted(event["request"].items(), key=lambda pair: pair[0] != "id"))}
    inner["metadata"] = dict(sorted(inner["metadata"].items()))
    inner["customer_details"] = dict(sorted(inner["customer_details"].items()))
    return {"id": event["id"], "object": event["object"]} | dict(sorted((rest | request).items()))


@pytest.mark.parametrize("serialize", SERIALIZERS.values(), ids=SERIALIZERS.keys())
@pytest.mark.parametrize("ascii_only", [False, True], ids=["letters", "escapes"])
@pytest.mark.parametrize("secrets", [(SECRET,), ("whsec_new", SECRET)], ids=["current", "previous"])
def test_a_reserialized_body_is_an_altered_body(
    serialize: Callable[[dict[str, Any]], str], secrets: tuple[str, ...], *, ascii_only: bool
) -> None:
    event = _in_order(json.loads(STRIPE_BODY))
    signed = sign(json.dumps(event, indent=2, ensure_ascii=ascii_only).encode(), at=NOW)
    body = serialize(event).encode()

    assert body != json.dumps(event, indent=2, ensure_ascii=ascii_only).encode()
    assert _reason(body, signed, secrets) == "altered_body"


def test_one_of_two_signatures_proves_an_altered_body() -> None:
    twice = sign(STRIPE_BODY, "whsec_of_another", NOW) + "," + sign(STRIPE_BODY, at=NOW).split(",")[1]

    assert _reason(json.dumps(EVENT).encode(), twice) == "altered_body"


def test_a_body_truncated_anywhere_is_recognized() -> None:
    signed = sign(STRIPE_BODY, at=NOW)

    assert {_diagnosed(STRIPE_BODY[:length], signed) for length in range(len(STRIPE_BODY))} == {"truncated"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"<html>", "altered_body", id="HTML"),
        pytest.param(b"id=evt_1&object=event", "altered_body", id="form"),
        pytest.param(STRIPE_BODY + b"}", "altered_body", id="two values"),
        pytest.param(b'{"n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "altered_body", id="deep nesting"),
        pytest.param(b"[]", "wrong_secret", id="no object"),
        pytest.param(b"{}", "wrong_secret", id="no mode"),
        pytest.param(b'{"livemode": "live"}', "wrong_secret", id="unknown mode"),
        pytest.param(b'{"livemode": true}', "other_mode", id="other mode"),
        pytest.param(b'{"n": %s}' % (b"9" * 5000), "wrong_secret", id="endless number"),
        pytest.param(b'{"n": 1e999}', "wrong_secret", id="infinite number"),
        pytest.param(b'{"n": "\\ud800 and more"}', "altered_body", id="half a surrogate pair"),
        pytest.param(b'{"n": "%s"}' % (b"x" * SERIALIZATION_LIMIT), "wrong_secret", id="long"),
    ],
)
def test_a_foreign_signature_gets_the_provable_reason(body: bytes, expected: str) -> None:
    assert _reason(body, sign(body, "whsec_unknown", NOW)) == expected


async def _diagnosis(
    diagnosis: SignatureDiagnosis, error: InvalidSignatureError, now: float = NOW, secrets: tuple[str, ...] = (SECRET,)
) -> BaseException:
    """What the callback gets."""
    result: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    diagnosis.diagnose(error, b"{}", f"t={NOW},v1=00", secrets=secrets, now=now, callback=result.set_result)
    return await result


async def _reason_of(diagnosis: SignatureDiagnosis, now: float = NOW) -> str:
    error = await _diagnosis(diagnosis, InvalidSignatureError(NO_MATCH), now)
    assert isinstance(error, InvalidSignatureError)
    return error.reason


async def test_the_number_of_diagnoses_per_second_is_limited() -> None:
    diagnosis = SignatureDiagnosis(livemode=False)

    reasons = [await _reason_of(diagnosis, NOW + number / 1000) for number in range(500)]

    assert reasons == ["wrong_secret"] * DIAGNOSES_PER_SECOND + [NO_MATCH] * (500 - DIAGNOSES_PER_SECOND)
    assert await _reason_of(diagnosis, NOW + 1) == "wrong_secret"


async def test_an_error_with_a_reason_is_not_diagnosed() -> None:
    diagnosis = SignatureDiagnosis(livemode=False)
    old = InvalidSignatureError("too_old", 400.0)

    for _ in range(2 * DIAGNOSES_PER_SECOND):
        assert await _diagnosis(diagnosis, old) is old
    assert await _reason_of(diagnosis) == "wrong_secret"


async def test_a_bug_in_a_diagnosis_reaches_the_callback() -> None:
    not_a_secret: Any = 1

    error = await _diagnosis(
        SignatureDiagnosis(livemode=False), InvalidSignatureError(NO_MATCH), secrets=(not_a_secret,)
    )

    assert isinstance(error, AttributeError)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * (DEPTH_LIMIT + 2) + b"]" * (DEPTH_LIMIT + 2), id="deep"),
        pytest.param(b"[" + b"0, " * VALUE_LIMIT + b"0]", id="many values"),
        pytest.param(b"[" + (b"[" + b"0, " * 1500 + b"0],") * 2 + b"0]", id="many values in lists"),
    ],
)
def test_an_expensive_body_is_not_serialized_again(body: bytes) -> None:
    work = Work()
    signed = sign(msgspec.json.format(body, indent=2), at=NOW)

    assert reason(body, signed, secrets=(SECRET,), livemode=False, work=work) == "wrong_secret"
    assert WORK_PER_SECOND - work.remaining < 3 * len(body)


def test_without_work_left_there_is_no_diagnosis() -> None:
    assert reason(b"{}", "t=1,v1=00", secrets=(SECRET,), livemode=False, work=Work(10)) == NO_MATCH


ENDS = ("0", "1e15", '""', '"\x7f"', "[]", "{}", '{"a":0}', "null", "é", "9" * 4300)
HEADERS = st.builds(lambda number: f"t={NOW}" + ",v1=00" * number, st.integers(1, SIGNATURE_LIMIT))


@st.composite
def _expensive_bodies(draw: st.DrawFn) -> bytes:
    """Bodies of one repeated piece, or of several, at any depth, in lists or objects."""
    depth = draw(st.integers(0, 3 * DEPTH_LIMIT) | st.integers(0, 15_000))
    opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    piece = ",".join(draw(st.lists(st.sampled_from(ENDS), min_size=1, max_size=4)))
    room = SERIALIZATION_LIMIT - depth * (len(opening) + len(closing)) - 2
    count = draw(st.integers(1, VALUE_LIMIT) | st.just(max(1, room // (len(piece.encode()) + 1))))
    return (opening * depth + "[" + ",".join([piece] * count) + "]" + closing * depth).encode()


@settings(max_examples=examples(10, 40), deadline=None)
@given(
    _expensive_bodies() | st.text("\x7fé\U0001f600", min_size=8000, max_size=8000).map(json.dumps).map(str.encode),
    HEADERS,
)
def test_no_body_and_header_cause_much_work(body: bytes, header: str) -> None:
    """Searches for the most expensive diagnosis. Counts bytes, calls of functions and memory, not time."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    work = Work()
    tracemalloc.start()
    sys.setprofile(count)
    try:
        reason(body, header, secrets=(SECRET, "whsec_previous"), livemode=False, work=work)
    finally:
        sys.setprofile(None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    target(float(calls), label="calls")
    target(float(peak), label="memory")

    assert 0 <= work.remaining <= WORK_PER_SECOND
    assert calls < 60 * VALUE_LIMIT
    assert peak < 20 * OUTPUT_LIMIT
