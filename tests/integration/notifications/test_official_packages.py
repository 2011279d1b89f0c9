"""Verifies notifications with the official packages for Python, JavaScript and Go."""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.integration.notifications.receivers import PACKAGES
from tests.support.notifications import TOLERANCE, Notification, notification, notify_secret, signed
from tests.support.programs import run

CURRENT, PREVIOUS, OTHER = (notify_secret(name) for name in ("current", "previous", "other"))
Received = tuple[str, Notification]
"""The receiver's secret, and what it received."""

GOOD = notification("payment_1", 3, CURRENT)
LARGE = notification("payment_1", 4, CURRENT, product_name="x" * 20_000)
ACCEPTED: Mapping[str, Received] = {
    "one secret": (CURRENT, GOOD),
    "not ASCII": (CURRENT, notification("payment_1", 3, CURRENT, product_name="旅行保険 ✈️ पॉलिसी")),
    "a large one": (CURRENT, LARGE),
    "rotation, new secret": (CURRENT, notification("payment_1", 3, CURRENT, PREVIOUS)),
    "rotation, old secret": (PREVIOUS, notification("payment_1", 3, CURRENT, PREVIOUS)),
    "four minutes late": (CURRENT, notification("payment_1", 3, CURRENT, age=timedelta(minutes=4))),
    "a clock that is behind": (CURRENT, notification("payment_1", 3, CURRENT, age=timedelta(minutes=-4))),
}
REFUSED: Mapping[str, Received] = {
    "another secret": (CURRENT, notification("payment_1", 3, OTHER)),
    "rotation that is over": (PREVIOUS, notification("payment_1", 3, CURRENT)),
    "another status": (CURRENT, GOOD.with_body(GOOD.body.replace("completed", "failed"))),
    "another version": (CURRENT, GOOD.with_body(GOOD.body.replace('"version": 3', '"version": 9'))),
    "another amount": (CURRENT, GOOD.with_body(GOOD.body.replace("}}", ', "amount": 1}}'))),
    "an empty body": (CURRENT, GOOD.with_body("")),
    "another id": (CURRENT, GOOD._replace(headers={**GOOD.headers, "webhook-id": "msg_other"})),
    "a newer time": (CURRENT, GOOD._replace(headers={**GOOD.headers, "webhook-timestamp": str(2**31)})),
    "no signature": (CURRENT, GOOD._replace(headers={**GOOD.headers, "webhook-signature": ""})),
    "another kind of signature": (
        CURRENT,
        GOOD._replace(
            headers={**GOOD.headers, "webhook-signature": GOOD.headers["webhook-signature"].replace("v1,", "v2,")}
        ),
    ),
    **{f"no header {name}": (CURRENT, GOOD.without(name)) for name in GOOD.headers if name.startswith("webhook-")},
    "replayed": (CURRENT, notification("payment_1", 3, CURRENT, age=TOLERANCE + timedelta(minutes=1))),
    "replayed in rotation": (CURRENT, notification("payment_1", 3, CURRENT, PREVIOUS, age=timedelta(days=1))),
    "from the future": (CURRENT, notification("payment_1", 3, CURRENT, age=-TOLERANCE - timedelta(minutes=1))),
}
ALL = {**ACCEPTED, **REFUSED}
EXPECTED = dict.fromkeys(ACCEPTED, "accepted") | dict.fromkeys(REFUSED, "refused")
INPUT = "\n".join(
    json.dumps({"secret": secret, "headers": {**received.headers}, "body": received.body})
    for secret, received in ALL.values()
)


def results(output: str) -> dict[str, str]:
    """What a program printed about each notification."""
    return dict(zip(ALL, output.split(), strict=True))


@pytest.mark.parametrize("case", ALL)
def test_the_package_for_python(case: str) -> None:
    secret, (headers, body) = ALL[case]
    try:
        Webhook(secret).verify(body, {**headers})
        result = "accepted"
    except WebhookVerificationError:
        result = "refused"

    assert result == EXPECTED[case]


def test_the_package_for_javascript(node_packages: Path, tmp_path: Path) -> None:
    for name in ("package.json", "verify.js"):
        shutil.copy(PACKAGES / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(node_packages / "node_modules")

    assert results(run(["node", "verify.js"], tmp_path, input=INPUT)) == EXPECTED


def test_the_package_for_go(go_verifier: Path, tmp_path: Path) -> None:
    assert results(run([go_verifier], tmp_path, input=INPUT)) == EXPECTED


def rotated(signs: Callable[[int], tuple[str, ...]], knows: Callable[[int], str]) -> list[Received]:
    """A thousand notifications during a rotation: what signs each of them, and what the receiver knows then."""
    now = datetime.now(UTC)
    return [(knows(n), signed(f"msg_{n}", f'{{"n": {n}}}', signs(n), now)) for n in range(1000)]


def test_a_rotation_with_two_signatures_refuses_none() -> None:
    """The notifier signs with both secrets from 250 to 749; the receiver changes at 500."""
    both = rotated(
        lambda n: (PREVIOUS,) if n < 250 else (CURRENT, PREVIOUS) if n < 750 else (CURRENT,),
        lambda n: PREVIOUS if n < 500 else CURRENT,
    )

    for secret, (headers, body) in both:
        assert Webhook(secret).verify(body, {**headers})
