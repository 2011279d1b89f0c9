import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lea_payments.stripe.errors import InvalidSignatureError
from lea_payments.stripe.signature import NO_MATCH, SIGNATURE_REASONS, TOLERANCE_SECONDS, verify
from lea_payments.stripe.signature_diagnosis import (
    DIAGNOSES_PER_SECOND,
    SERIALIZATION_LIMIT,
    SignatureDiagnosis,
    reason,
)
from tests.support.stripe_bodies import SECRET, completed, sign

NOW = 1_800_000_000
EVENT: dict[str, Any] = json.loads(completed("payment_1", metadata={"name": "Zoë/<日本>", "fee": 0.5}))
STRIPE_BODY = json.dumps(EVENT, indent=2, ensure_ascii=False).encode()
"""An event as Stripe serializes it: indented by two spaces, without escapes."""


def _diagnosed(body: bytes, header: str | None) -> str:
    with pytest.raises(InvalidSignatureError) as error_info:
        verify(body, header, secrets=(SECRET,), now=NOW)
    diagnosis = SignatureDiagnosis(livemode=False)
    return diagnosis.diagnose(error_info.value, body, header, secrets=(SECRET,), now=NOW).reason


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
    assert reason(body, signed, secrets=secrets, livemode=False) == "altered_body"


def test_one_of_two_signatures_proves_an_altered_body() -> None:
    twice = sign(STRIPE_BODY, "whsec_of_another", NOW) + "," + sign(STRIPE_BODY, at=NOW).split(",")[1]

    assert reason(json.dumps(EVENT).encode(), twice, secrets=(SECRET,), livemode=False) == "altered_body"


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
    assert reason(body, sign(body, "whsec_unknown", NOW), secrets=(SECRET,), livemode=False) == expected


def test_the_number_of_diagnoses_per_second_is_limited() -> None:
    diagnosis = SignatureDiagnosis(livemode=False)
    error = InvalidSignatureError(NO_MATCH)

    def diagnose(now: float) -> str:
        return diagnosis.diagnose(error, b"{}", f"t={NOW},v1=00", secrets=(SECRET,), now=now).reason

    reasons = [diagnose(NOW + number / 1000) for number in range(500)]

    assert reasons == ["wrong_secret"] * DIAGNOSES_PER_SECOND + [NO_MATCH] * (500 - DIAGNOSES_PER_SECOND)
    assert diagnose(NOW + 1) == "wrong_secret"


def test_an_error_with_a_reason_is_not_diagnosed() -> None:
    diagnosis = SignatureDiagnosis(livemode=False)
    old = InvalidSignatureError("too_old", 400.0)

    for _ in range(2 * DIAGNOSES_PER_SECOND):
        assert diagnosis.diagnose(old, b"{}", "t=1,v1=00", secrets=(SECRET,), now=NOW) is old
    unknown = InvalidSignatureError(NO_MATCH)
    assert diagnosis.diagnose(unknown, b"{}", "t=1,v1=00", secrets=(SECRET,), now=NOW).reason == "wrong_secret"
