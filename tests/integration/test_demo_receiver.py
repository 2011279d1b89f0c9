"""The receiver of the demo, which accepts what the notifier has signed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from lea_demo.receiver import Receiver
from tests.support import receiver as others
from tests.support.plain_http import NO_CERTIFICATES

BODY = '{"type": "payment.completed"}'


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def status_of(receiver: Receiver, secret: str, *, age: timedelta = timedelta(0)) -> int:
    now = datetime.now(UTC) - age
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, BODY),
    }
    url = receiver.endpoint.url
    return httpx.post(url, content=BODY, headers=headers, trust_env=False, verify=NO_CERTIFICATES).status_code


def test_a_notification_is_accepted(receiver: Receiver) -> None:
    assert status_of(receiver, receiver.endpoint.secret) == 204


def test_a_forged_or_old_notification_is_refused(receiver: Receiver) -> None:
    assert status_of(receiver, others.SECRET) == 400
    assert status_of(receiver, receiver.endpoint.secret, age=timedelta(minutes=10)) == 400


def test_a_request_without_a_length_is_refused(receiver: Receiver) -> None:
    body = (part for part in [BODY.encode()])

    answer = httpx.post(receiver.endpoint.url, content=body, trust_env=False, verify=NO_CERTIFICATES)

    assert answer.status_code == 400


def test_each_receiver_has_a_secret_of_its_own(receiver: Receiver) -> None:
    with Receiver() as other:
        assert other.endpoint.secret != receiver.endpoint.secret
