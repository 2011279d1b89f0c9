import pytest

from lea_payments.notifications.delivery import GIVE_UP_SECONDS, PAUSES, Attempt, Delivery, Outcome, Stage

DELIVERED, FAILED = Attempt(Outcome.DELIVERED, 204), Attempt(Outcome.FAILED, 500)
DAY = 24 * 3600 * 1000


def test_a_new_endpoint_is_due_at_once() -> None:
    assert Delivery().is_outstanding(0)
    assert Delivery().due_at(0) == 0


def test_a_delivered_version_is_not_outstanding() -> None:
    after = Delivery().after(DELIVERED, version=4, target=3, now=1000)

    assert after == Delivery(4, 3, 1, None, 1000, None, Outcome.DELIVERED, Stage.DELIVERED)
    assert [after.is_outstanding(target) for target in (3, 4, 5)] == [False, False, True]


def test_the_pauses_between_attempts_follow_the_schedule() -> None:
    state, now, pauses = Delivery(), 0, []

    while state.stage is not Stage.DEAD_LETTERED:
        state = state.after(FAILED, version=1, target=1, now=now)
        if state.next_attempt is not None:
            pauses.append((state.next_attempt - now) / 1000)
            now = state.next_attempt

    assert tuple(pauses[: len(PAUSES)]) == PAUSES
    assert set(pauses[len(PAUSES) :]) == {PAUSES[-1]}
    assert sum(pauses) <= GIVE_UP_SECONDS < sum(pauses) + PAUSES[-1]
    assert state.is_dead_lettered
    assert not state.is_outstanding(1)


def test_a_newer_version_ends_the_pause_and_the_count() -> None:
    failed = Delivery(version=1).after(FAILED, version=2, target=2, now=0)

    assert (failed.due_at(2), failed.due_at(3)) == (5000, 0)
    assert failed.after(FAILED, version=3, target=3, now=9).attempts == 1


def test_a_newer_version_leaves_the_dead_letters() -> None:
    dead = Delivery().after(FAILED, version=1, target=1, now=0, pauses=[4 * 24 * 3600])

    assert [dead.is_outstanding(target) for target in (1, 2)] == [False, True]


def test_a_receiver_that_is_gone_is_not_called_again() -> None:
    gone = Delivery().after(Attempt(Outcome.GONE, 410), version=1, target=1, now=0)

    assert (gone.stage, gone.next_attempt) == (Stage.GONE, None)
    assert [gone.is_outstanding(target) for target in (1, 2)] == [False, True]


@pytest.mark.parametrize(
    ("asked", "pause"), [(0, 5), (3, 5), (60, 60), (10**9, 3600)], ids=["nothing", "less", "more", "too much"]
)
def test_a_receiver_can_ask_for_a_longer_pause(asked: float, pause: int) -> None:
    state = Delivery().after(Attempt(Outcome.FAILED, 503, asked), version=1, target=1, now=0)

    assert state.next_attempt == pause * 1000


def test_a_busy_endpoint_costs_no_attempt() -> None:
    failed = Delivery().after(FAILED, version=1, target=1, now=0)

    postponed = failed.postponed(1, now=6000)

    assert (postponed.attempts, postponed.next_attempt, postponed.stage) == (1, 16000, Stage.DUE)


def test_a_success_after_failures_keeps_their_number() -> None:
    failed = Delivery().after(FAILED, version=1, target=1, now=DAY)

    delivered = failed.after(DELIVERED, version=1, target=1, now=DAY + 5000)

    assert (delivered.attempts, delivered.first_failure, delivered.stage) == (2, None, Stage.DELIVERED)
