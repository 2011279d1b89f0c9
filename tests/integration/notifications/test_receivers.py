"""Sends good, old, repeated, forged and replayed notifications to the receivers of the guide."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.integration.notifications.receivers import CURRENT, OTHER, PREVIOUS, Receiver
from tests.support.notifications import Notification, notification
from tests.support.waiting import until


def test_only_a_newer_version_counts(receiver: Receiver) -> None:
    versions = [(2, "failed"), (2, "failed"), (1, "pending"), (4, "completed"), (3, "expired"), (4, "completed")]

    answers = [receiver.send(notification("payment_1", number, CURRENT, status=status)) for number, status in versions]

    assert answers == [204] * len(versions)
    assert until(lambda: receiver.states("payment_1")[1:]) == ["completed 4"]
    assert receiver.states("payment_1") == ["failed 2", "completed 4"]


def test_versions_of_two_payments_are_independent(receiver: Receiver) -> None:
    receiver.send(notification("payment_a", 7, CURRENT))
    receiver.send(notification("payment_b", 1, CURRENT, status="pending"))

    assert until(lambda: receiver.states("payment_b")) == ["pending 1"]


def test_notifications_at_the_same_time_count_once(receiver: Receiver) -> None:
    same = [notification("payment_2", version, CURRENT) for version in (1, 2, 3) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(receiver.send, same))

    assert answers == [204] * len(same)
    until(lambda: "completed 3" in receiver.states("payment_2"))
    versions = [int(state.partition(" ")[2]) for state in receiver.states("payment_2")]
    assert sorted(set(versions)) == sorted(versions)


def test_a_rotation_with_two_signatures_is_accepted(receiver: Receiver) -> None:
    both = notification("payment_3", 1, PREVIOUS, CURRENT), notification("payment_3", 2, CURRENT, PREVIOUS)

    assert [receiver.send(one) for one in both] == [204, 204]


FORGED: Mapping[str, Callable[[], Notification]] = {
    "other secret": lambda: notification("payment_4", 1, OTHER),
    "other body": lambda: notification("payment_4", 1, CURRENT).with_body('{"data": {"payment_intent_id": "x"}}'),
    "unsigned": lambda: notification("payment_4", 1, CURRENT).without("webhook-signature"),
    "replayed": lambda: notification("payment_4", 1, CURRENT, age=timedelta(minutes=6)),
    "from the future": lambda: notification("payment_4", 1, CURRENT, age=-timedelta(hours=1)),
}
"""Made when they are sent, because their age counts."""


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_or_replayed_notification_is_refused(receiver: Receiver, case: str) -> None:
    assert receiver.send(FORGED[case]()) == 400

    assert receiver.states("payment_4") == []
