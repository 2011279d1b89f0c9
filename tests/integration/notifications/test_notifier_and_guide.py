"""Follows a payment from Stripe's event through the notifier to the receivers of the guide, in Python and Node."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from lea_payments.notifier.message import message_of
from tests.docs.documents import ROOT, blocks
from tests.integration.notifications.receivers import CURRENT, OTHER, PREVIOUS, Receiver
from tests.support import stripe_bodies
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery


@pytest.fixture(scope="module")
def webhook(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    url = start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET, NOTIFICATIONS="true")
    with httpx.Client(base_url=url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as client:
        yield client


@pytest.fixture
def notify(start: Callable[..., Process], receiver: Receiver) -> Iterator[Callable[..., Process]]:
    """Yield a function that starts a notifier for the receiver, which signs with these secrets."""
    started: list[Process] = []

    def start_notifier(*secrets: str) -> Process:
        endpoint = {"NOTIFY_URL": receiver.url, "NOTIFY_SECRET": ",".join(secrets), "NOTIFY_ALLOW_HTTP": "true"}
        started.append(start("notifier", **endpoint, NOTIFY_RETRY_SECONDS="0.2"))
        return started[-1]

    yield start_notifier
    for process in started:
        process.stop()


def test_the_receiver_hears_what_happened_to_a_payment(
    webhook: httpx.Client, notify: Callable[..., Process], receiver: Receiver, records: Records
) -> None:
    payment_id = records.put()
    notify(CURRENT)
    Delivery.of(stripe_bodies.declined(payment_id)).to(webhook)
    until(lambda: receiver.states(payment_id), "the first notification")
    Delivery.of(stripe_bodies.completed(payment_id)).to(webhook)

    until(lambda: len(receiver.states(payment_id)) > 1, "the second notification")

    versions = [int(state.partition(" ")[2]) for state in receiver.states(payment_id)]
    assert [state.partition(" ")[0] for state in receiver.states(payment_id)] == ["failed", "completed"]
    assert versions == sorted(versions)
    assert versions[-1] == records.get(payment_id).version


def test_the_documented_notification_has_the_real_fields(records: Records) -> None:
    (documented,) = [
        json.loads(block.text)
        for block in blocks(ROOT / "docs" / "guide.md")
        if block.language == "json" and '"type"' in block.text
    ]
    real = json.loads(message_of(records.get(records.put())).body)

    assert documented.keys() == real.keys()
    assert documented["data"].keys() == real["data"].keys()


@pytest.mark.parametrize("secrets", [(CURRENT, PREVIOUS), (PREVIOUS, CURRENT)], ids=["new first", "old first"])
def test_a_rotation_loses_no_notification(
    webhook: httpx.Client,
    notify: Callable[..., Process],
    receiver: Receiver,
    records: Records,
    secrets: tuple[str, str],
) -> None:
    """The receiver has one of the two secrets."""
    notify(*secrets)
    payments = [records.put() for _ in range(3)]
    for payment_id in payments:
        Delivery.of(stripe_bodies.completed(payment_id)).to(webhook)

    until(lambda: all(receiver.states(payment_id) for payment_id in payments), "all notifications")


def test_what_another_notifier_signs_is_refused_and_repeated(
    webhook: httpx.Client, notify: Callable[..., Process], receiver: Receiver, records: Records
) -> None:
    payment_id = records.put()
    stranger = notify(OTHER)
    Delivery.of(stripe_bodies.completed(payment_id)).to(webhook)
    until(lambda: "rejected" in stranger.output(), "a refusal")
    assert receiver.states(payment_id) == []
    stranger.stop()

    notify(CURRENT)

    until(lambda: receiver.states(payment_id), "the notification")
