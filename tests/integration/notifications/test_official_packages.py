"""Verifies notifications with the official packages for Python, JavaScript and Go."""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.integration.notifications.receivers import PACKAGES
from tests.support.notifications import Notification, notification, notify_secret, signed
from tests.support.programs import run

CURRENT, PREVIOUS, OTHER = (notify_secret(name) for name in ("current", "previous", "other"))
Received = tuple[str, Notification]
"""The receiver's secret, and what it received."""


def changed(received: Notification, header: str, value: str) -> Notification:
    """The same with another value of one header."""
    return received._replace(headers={**received.headers, header: value})


def accepted() -> Mapping[str, Received]:
    """What a receiver must accept, sent now."""
    return {
        "one secret": (CURRENT, notification("payment_1", 3, CURRENT)),
        "not ASCII": (CURRENT, notification("payment_1", 3, CURRENT, product_name="旅行保険 ✈️ पॉलिसी")),
        "a large one": (CURRENT, notification("payment_1", 3, CURRENT, product_name="x" * 20_000)),
        "rotation, new secret": (CURRENT, notification("payment_1", 3, CURRENT, PREVIOUS)),
        "rotation, old secret": (PREVIOUS, notification("payment_1", 3, CURRENT, PREVIOUS)),
        "two minutes late": (CURRENT, notification("payment_1", 3, CURRENT, age=timedelta(minutes=2))),
        "a clock that is behind": (CURRENT, notification("payment_1", 3, CURRENT, age=timedelta(minutes=-2))),
    }


def refused() -> Mapping[str, Received]:
    """What a receiver must refuse, sent now."""
    good = notification("payment_1", 3, CURRENT)
    unknown = good.headers["webhook-signature"].replace("v1,", "v2,")
    sent = {
        "another secret": notification("payment_1", 3, OTHER),
        "another status": good.with_body(good.body.replace("completed", "failed")),
        "another version": good.with_body(good.body.replace('"version": 3', '"version": 9')),
        "another amount": good.with_body(good.body.replace("}}", ', "amount": 1}}')),
        "an empty body": good.with_body(""),
        "another id": changed(good, "webhook-id", "msg_other"),
        "a newer time": changed(good, "webhook-timestamp", str(int(good.headers["webhook-timestamp"]) + 60)),
        "no signature": changed(good, "webhook-signature", ""),
        "another kind of signature": changed(good, "webhook-signature", unknown),
        **{f"no header {name}": good.without(name) for name in good.headers if name.startswith("webhook-")},
        "replayed": notification("payment_1", 3, CURRENT, age=timedelta(minutes=6)),
        "replayed in rotation": notification("payment_1", 3, CURRENT, PREVIOUS, age=timedelta(days=1)),
        "from the future": notification("payment_1", 3, CURRENT, age=-timedelta(hours=1)),
    }
    over = {"rotation that is over": (PREVIOUS, notification("payment_1", 3, CURRENT))}
    return {**over, **{name: (CURRENT, one) for name, one in sent.items()}}


EXPECTED = dict.fromkeys(accepted(), "accepted") | dict.fromkeys(refused(), "refused")


def lines() -> str:
    """What the programs read: one notification on each line."""
    every = {**accepted(), **refused()}.values()
    return "\n".join(
        json.dumps({"secret": secret, "headers": {**received.headers}, "body": received.body})
        for secret, received in every
    )


def results(output: str) -> dict[str, str]:
    """What a program printed about each notification."""
    return dict(zip(EXPECTED, output.split(), strict=True))


@pytest.mark.parametrize("case", EXPECTED)
def test_the_package_for_python(case: str) -> None:
    secret, (headers, body) = {**accepted(), **refused()}[case]
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

    assert results(run(["node", "verify.js"], tmp_path, input=lines())) == EXPECTED


def test_the_package_for_go(go_verifier: Path, tmp_path: Path) -> None:
    assert results(run([go_verifier], tmp_path, input=lines())) == EXPECTED


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
