"""Checks what a receiver can make the notifier do: nothing but try again."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support import stripe_bodies
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.receiver import SECRET as NOTIFY_SECRET
from tests.support.receiver import Answer, Receiver
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery


@pytest.fixture(scope="module")
def webhook(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    url = start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET, NOTIFICATIONS="true")
    with httpx.Client(base_url=url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as client:
        yield client


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def notifier(start: Callable[..., Process], receiver: Receiver) -> Process:
    endpoint = {"NOTIFY_URL": receiver.url, "NOTIFY_SECRET": NOTIFY_SECRET, "NOTIFY_ALLOW_HTTP": "true"}
    return start("notifier", **endpoint, NOTIFY_RETRY_SECONDS="0.1")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    webhook: httpx.Client, notifier: Process, receiver: Receiver, records: Records, status: int
) -> None:
    """As to the metadata service of a cloud, or to another service of the cluster."""
    payment_id = records.put()
    with Receiver() as inside:
        receiver.answers.append(Answer(status, {"location": inside.url}))
        Delivery.of(stripe_bodies.completed(payment_id)).to(webhook)
        receiver.wait_for(payment_id, 2)

        assert inside.requests == []
    assert "redirected" in notifier.output()


def test_the_body_of_an_answer_is_not_repeated(
    webhook: httpx.Client, notifier: Process, receiver: Receiver, records: Records
) -> None:
    payment_id = records.put()
    receiver.answers.append(Answer(500, {}, b"a-secret-of-the-receiver" * 100_000))
    Delivery.of(stripe_bodies.completed(payment_id)).to(webhook)
    receiver.wait_for(payment_id, 2)

    until(lambda: not receiver.answers)
    assert "a-secret-of-the-receiver" not in notifier.output()
