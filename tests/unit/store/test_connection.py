import asyncio

import pytest

from lea_payments.serving.http import closing
from lea_payments.serving.server import SHUTDOWN_SECONDS
from lea_payments.settings import WebhookSettings
from lea_payments.store import connection
from lea_payments.store.connection import CONNECT_SECONDS, TRY_SECONDS, WAITING_LIMIT, Deadline
from lea_payments.store.errors import UnavailableError
from tests.support.secrets import signing_secret


async def test_a_deadline_is_the_given_time_ahead() -> None:
    with Deadline(3600) as deadline:
        assert 0 < deadline - asyncio.get_running_loop().time() <= 3600


async def test_a_timeout_is_an_unavailable_table() -> None:
    with pytest.raises(UnavailableError, match="no response from DynamoDB within 2 s"), Deadline(2):
        raise TimeoutError


async def test_an_event_beyond_the_limit_is_refused_at_once() -> None:
    deadline = Deadline(3600)
    for _ in range(WAITING_LIMIT):
        deadline.__enter__()

    with pytest.raises(UnavailableError, match=f"{WAITING_LIMIT} other events wait"), deadline:
        pass
    deadline.__exit__(None, None, None)
    with deadline:
        pass


@pytest.mark.parametrize("error", [None, ValueError(), TimeoutError()], ids=["applied", "failed", "timed out"])
async def test_an_event_that_ends_makes_room(error: Exception | None) -> None:
    deadline = Deadline(3600)
    for _ in range(2 * WAITING_LIMIT):
        try:
            with deadline:
                if error:
                    raise error
        except (ValueError, UnavailableError) as raised:
            assert "other events wait" not in str(raised)  # noqa: PT017 - each of many blocks is checked


async def test_pauses_become_longer_up_to_a_limit() -> None:
    in_an_hour = asyncio.get_running_loop().time() + 3600

    assert await connection.pause_before_next(0.001, in_an_hour, "") == 0.002
    assert await connection.pause_before_next(0.01, in_an_hour, "") == 0.02
    assert await connection.pause_before_next(0.0, in_an_hour, "") == 0
    assert connection.LONGEST_PAUSE_SECONDS < TRY_SECONDS


async def test_without_time_for_a_try_its_problem_is_named() -> None:
    now = asyncio.get_running_loop().time()

    with pytest.raises(UnavailableError, match=r"^throttled$"):
        await connection.pause_before_next(0.02, now, "throttled")


def test_the_default_deadline_has_time_for_several_tries() -> None:
    seconds = WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET": signing_secret("any")}).delivery_deadline_seconds

    assert seconds == connection.DEADLINE_SECONDS >= 3 * (TRY_SECONDS + CONNECT_SECONDS)


def test_a_waiting_delivery_ends_before_the_shutdown_does() -> None:
    [longest] = [
        one.le for one in WebhookSettings.model_fields["delivery_deadline_seconds"].metadata if hasattr(one, "le")
    ]

    assert longest + 2 * TRY_SECONDS + closing.SHUTDOWN_BODY_SECONDS < SHUTDOWN_SECONDS
