import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lea_payments.stripe.errors import InvalidSignatureError
from lea_payments.stripe.signature import NO_MATCH, SIGNATURE_REASONS, TOLERANCE_SECONDS, verify
from lea_payments.stripe.signature_diagnosis import EXAMS_PER_SECOND, REWRITE_LIMIT, Doctor, reason
from tests.support.stripe_bodies import SECRET, completed, sign

NOW = 1_800_000_000
EVENT: dict[str, Any] = json.loads(completed("payment_1", metadata={"name": "Zoë/<日本>", "fee": 0.5}))
STRIPES = json.dumps(EVENT, indent=2, ensure_ascii=False).encode()
"""An event as Stripe writes it: indented by two, letters as they are."""


def _told(body: bytes, header: str | None) -> str:
    with pytest.raises(InvalidSignatureError) as refused:
        verify(body, header, secrets=(SECRET,), now=NOW)
    return Doctor(livemode=False).examined(refused.value, body, header, secrets=(SECRET,), now=NOW).reason


def test_the_eight_faults_have_eight_reasons() -> None:
    signed = sign(STRIPES, at=NOW)
    live = STRIPES.replace(b'"livemode": false', b'"livemode": true')

    told = {
        "no header": _told(STRIPES, None),
        "no v1": _told(STRIPES, f"t={NOW},v0=00"),
        "wrong secret": _told(STRIPES, sign(STRIPES, "whsec_of_another_endpoint", NOW)),
        "other mode's secret": _told(live, sign(live, "whsec_of_the_other_mode", NOW)),
        "altered body": _told(json.dumps(EVENT).encode(), signed),
        "old": _told(STRIPES, sign(STRIPES, at=NOW - TOLERANCE_SECONDS - 1)),
        "future": _told(STRIPES, sign(STRIPES, at=NOW + TOLERANCE_SECONDS + 1)),
        "truncated": _told(STRIPES[:-40], signed),
    }

    assert list(told.values()) == [
        *("no_header", "no_v1", "wrong_secret", "other_mode", "altered_body", "too_old", "in_future", "truncated")
    ]
    assert set(told.values()) < set(SIGNATURE_REASONS)


def _sorted_by_go(event: dict[str, Any]) -> str:
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


REWRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "JSON.stringify": lambda event: json.dumps(event, separators=(",", ":"), ensure_ascii=False),
    "json.dumps": json.dumps,
    "json_encode": lambda event: json.dumps(event, separators=(",", ":")).replace("/", "\\/"),
    "encoding/json": _sorted_by_go,
    "msgspec": lambda event: msgspec.json.encode(event).decode(),
    "a newline at the end": lambda event: json.dumps(event, indent=2, ensure_ascii=False) + "\n",
    "line ends of Windows": lambda event: json.dumps(event, indent=2, ensure_ascii=False).replace("\n", "\r\n"),
    "a byte order mark": lambda event: "\ufeff" + json.dumps(event, indent=2, ensure_ascii=False),
}


def _in_order(event: dict[str, Any]) -> dict[str, Any]:
    inner = event["data"]["object"]
    inner = {"id": inner.pop("id"), "object": inner.pop("object")} | dict(sorted(inner.items()))
    rest = {"data": {"object": inner}} | {name: event[name] for name in event if name not in ("id", "object", "data")}
    request = {"request": dict(sorted(event["request"].items(), key=lambda pair: pair[0] != "id"))}
    inner["metadata"] = dict(sorted(inner["metadata"].items()))
    inner["customer_details"] = dict(sorted(inner["customer_details"].items()))
    return {"id": event["id"], "object": event["object"]} | dict(sorted((rest | request).items()))


@pytest.mark.parametrize("rewritten", REWRITERS.values(), ids=REWRITERS.keys())
@pytest.mark.parametrize("ascii_only", [False, True], ids=["letters", "escapes"])
@pytest.mark.parametrize("secrets", [(SECRET,), ("whsec_new", SECRET)], ids=["current", "previous"])
def test_a_body_that_was_read_and_written_anew_is_told(
    rewritten: Callable[[dict[str, Any]], str], secrets: tuple[str, ...], *, ascii_only: bool
) -> None:
    event = _in_order(json.loads(STRIPES))
    signed = sign(json.dumps(event, indent=2, ensure_ascii=ascii_only).encode(), at=NOW)
    body = rewritten(event).encode()

    assert body != json.dumps(event, indent=2, ensure_ascii=ascii_only).encode()
    assert reason(body, signed, secrets=secrets, livemode=False) == "altered_body"


def test_one_of_two_signatures_is_enough_to_tell_an_altered_body() -> None:
    twice = sign(STRIPES, "whsec_of_another", NOW) + "," + sign(STRIPES, at=NOW).split(",")[1]

    assert reason(json.dumps(EVENT).encode(), twice, secrets=(SECRET,), livemode=False) == "altered_body"


def test_wherever_a_body_is_cut_off_it_is_told() -> None:
    signed = sign(STRIPES, at=NOW)

    assert {_told(STRIPES[:length], signed) for length in range(len(STRIPES))} == {"truncated"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b"<html>", "altered_body", id="HTML"),
        pytest.param(b"id=evt_1&object=event", "altered_body", id="a form"),
        pytest.param(STRIPES + b"}", "altered_body", id="more than one value"),
        pytest.param(b'{"n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "altered_body", id="deep"),
        pytest.param(b"[]", "wrong_secret", id="no object"),
        pytest.param(b"{}", "wrong_secret", id="no mode"),
        pytest.param(b'{"livemode": "live"}', "wrong_secret", id="a mode of its own"),
        pytest.param(b'{"livemode": true}', "other_mode", id="the other mode"),
        pytest.param(b'{"n": %s}' % (b"9" * 5000), "wrong_secret", id="a number without end"),
        pytest.param(b'{"n": 1e999}', "wrong_secret", id="a number beyond all"),
        pytest.param(b'{"n": "\\ud800 and more"}', "altered_body", id="half a character"),
        pytest.param(b'{"n": "%s"}' % (b"x" * REWRITE_LIMIT), "wrong_secret", id="long"),
    ],
)
def test_what_a_stranger_signed_is_told_by_what_can_be_shown(body: bytes, told: str) -> None:
    assert reason(body, sign(body, "whsec_of_a_stranger", NOW), secrets=(SECRET,), livemode=False) == told


def test_only_so_many_are_examined_in_a_second_and_the_rest_is_not() -> None:
    doctor = Doctor(livemode=False)
    refused = InvalidSignatureError(NO_MATCH)

    def examine(now: float) -> str:
        return doctor.examined(refused, b"{}", f"t={NOW},v1=00", secrets=(SECRET,), now=now).reason

    told = [examine(NOW + number / 1000) for number in range(500)]

    assert told == ["wrong_secret"] * EXAMS_PER_SECOND + [NO_MATCH] * (500 - EXAMS_PER_SECOND)
    assert examine(NOW + 1) == "wrong_secret"


def test_a_refusal_that_has_its_reason_keeps_it_and_costs_no_exam() -> None:
    doctor = Doctor(livemode=False)
    old = InvalidSignatureError("too_old", 400.0)

    for _ in range(2 * EXAMS_PER_SECOND):
        assert doctor.examined(old, b"{}", "t=1,v1=00", secrets=(SECRET,), now=NOW) is old
    unknown = InvalidSignatureError(NO_MATCH)
    assert doctor.examined(unknown, b"{}", "t=1,v1=00", secrets=(SECRET,), now=NOW).reason == "wrong_secret"
