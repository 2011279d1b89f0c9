import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextvars import Context
from typing import TypeVarTuple

import msgspec
import pytest
from stamina.instrumentation import set_on_retry_hooks

from lea_payments.stripe.errors import (
    StripeCallError,
    StripeMissingError,
    StripeRefusedError,
    StripeUnavailableError,
)
from lea_payments.stripe.reader import LONGEST_WAIT, TRIES, Pace
from tests.support.scripted_stripe import Response, ScriptedStripe

BUSY = Response(500)
PATH = "/v1/events"
Arguments = TypeVarTuple("Arguments")


@pytest.fixture(autouse=True)
def no_retry_hooks() -> Iterator[None]:
    """Turn off stamina's default hooks, which read files."""
    set_on_retry_hooks([])
    yield
    set_on_retry_hooks(None)


class ImpatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers fire at once; `waits` are their delays in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def call_later(
        self, delay: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.waits.append(delay)
        return super().call_later(0, callback, *args, context=context)


def _waits(*responses: Response) -> list[float]:
    """Returns how long a call waits before each retry."""
    with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, ImpatientLoop)
        runner.run(ScriptedStripe(*responses).reader().get(PATH))
        return loop.waits[:]


def _error(stripe: ScriptedStripe) -> StripeCallError:
    with asyncio.Runner(loop_factory=ImpatientLoop) as runner, pytest.raises(StripeCallError) as error_info:
        runner.run(stripe.reader().get(PATH))
    return error_info.value


async def test_the_pace_is_five_calls_a_second() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))

    pace = Pace(5, clock=lambda: 100.0, sleep=sleep)
    await asyncio.gather(*[pace.turn() for _ in range(6)])

    assert waits == [0.2, 0.4, 0.6, 0.8, 1.0]


async def test_unused_turns_are_not_saved_up() -> None:
    waits: list[float] = []
    times = iter([100.0, 160.0, 160.0])

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))

    pace = Pace(5, clock=lambda: next(times), sleep=sleep)
    for _ in range(3):
        await pace.turn()

    assert waits == [0.2]


def test_the_wait_doubles_with_each_try() -> None:
    waits = _waits(*[BUSY] * 5, Response())

    assert len(waits) == TRIES - 1
    for wait, shortest in zip(waits, [0.5, 1, 2, 4, 8], strict=True):
        assert shortest <= wait <= shortest + 0.5


@pytest.mark.parametrize(
    ("headers", "shortest", "longest"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"retry-after": "7"}, 7, 7),
        ({"Retry-After": "3600"}, LONGEST_WAIT, LONGEST_WAIT),
        ({"Retry-After": "0"}, 0.5, 1),
        ({"Retry-After": "soon"}, 0.5, 1),
        ({"Retry-After": "-1"}, 0.5, 1),
        ({}, 0.5, 1),
    ],
)
def test_retry_after_is_respected(headers: dict[str, str], shortest: float, longest: float) -> None:
    (wait,) = _waits(Response(429, headers=headers), Response())

    assert shortest <= wait <= longest


def test_retry_after_does_not_shorten_the_wait() -> None:
    waits = _waits(*[Response(503, headers={"Retry-After": "1"})] * 5, Response())

    assert waits[0] == 1
    assert waits[4] >= 8


@pytest.mark.parametrize("status", [0, 409, 429, 500, 503])
def test_an_unavailable_stripe_is_called_six_times(status: int) -> None:
    stripe = ScriptedStripe(Response(status))
    error = _error(stripe)

    assert len(stripe.requests) == TRIES
    assert isinstance(error, StripeUnavailableError)
    assert (error.path, error.http_status) == (PATH, status or None)


@pytest.mark.parametrize(
    ("response", "kind", "text"),
    [
        (Response(401), StripeRefusedError, "set STRIPE_SECRET_KEY to a valid one"),
        (Response(403), StripeRefusedError, "give the restricted key read access"),
        (Response(404, {"error": {"code": "resource_missing"}}), StripeMissingError, "Stripe rejected the request"),
        (Response(400, {"error": {"message": "Bad sk_test_51Ab"}}), StripeRefusedError, "request: Bad [key] (request"),
    ],
    ids=["key", "permission", "missing", "request"],
)
def test_a_refused_call_is_not_repeated(response: Response, kind: type[StripeCallError], text: str) -> None:
    stripe = ScriptedStripe(response)
    error = _error(stripe)

    assert type(error) is kind
    assert text in str(error)
    assert len(stripe.requests) == 1


async def test_all_pages_of_a_list_are_read() -> None:
    first = {"data": [{"id": "a"}, {"id": "b"}], "has_more": True}
    stripe = ScriptedStripe(Response(body=first), Response(body={"data": [{"id": "c"}], "has_more": False}))

    pages = [[bytes(raw) for raw in page] async for page in stripe.reader().pages(PATH)]

    assert pages == [[b'{"id": "a"}', b'{"id": "b"}'], [b'{"id": "c"}']]
    assert [request.get("starting_after") for request in stripe.requests] == [None, "b"]


@pytest.mark.parametrize(
    "body",
    [{"hello": "world"}, {"data": {}, "has_more": False}, {"data": [], "has_more": "no"}, ["a"], "text", None],
    ids=["other object", "no list", "no flag", "list", "text", "null"],
)
def test_an_unreadable_page_is_requested_again(body: object) -> None:
    stripe = ScriptedStripe(Response(body=body))
    with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
        pages = stripe.reader().pages(PATH)
        with pytest.raises(StripeUnavailableError, match="check STRIPE_API_BASE") as error_info:
            runner.run(_first(pages))

    assert len(stripe.requests) == TRIES
    assert (error_info.value.path, error_info.value.http_status) == (PATH, 200)


async def _first(pages: AsyncIterator[Sequence[msgspec.Raw]]) -> Sequence[msgspec.Raw]:
    return await anext(pages)


@pytest.mark.parametrize(
    "data", [[], [{"no": "id"}, {"id": ""}, {"id": 5}, 7, None], [{"id": "a"}]], ids=["empty", "no ids", "the same ids"]
)
async def test_a_list_that_does_not_go_on_is_an_error(data: list[object]) -> None:
    stripe = ScriptedStripe(Response(body={"data": data, "has_more": True}))
    pages = list[object]()

    with pytest.raises(StripeUnavailableError, match="does not end or has no ids"):
        await _read(stripe, pages)

    assert len(pages) == len(stripe.requests) <= 2


async def test_cursors_that_repeat_after_many_pages_end_a_list() -> None:
    bodies = [{"data": [{"id": name}], "has_more": True} for name in "abca"]
    stripe = ScriptedStripe(*[Response(body=body) for body in bodies])

    with pytest.raises(StripeUnavailableError, match="does not end"):
        await _read(stripe, [])

    assert len(stripe.requests) == 4


async def _read(stripe: ScriptedStripe, pages: list[object]) -> None:
    """Adds the pages before an error, too."""
    async for page in stripe.reader().pages(PATH):
        pages.append(page)  # noqa: PERF401 - see above


async def test_the_last_object_with_an_id_is_the_cursor() -> None:
    first = {"data": [{"id": "a"}, {"id": "b"}, {"id": 5}, {}], "has_more": True}
    stripe = ScriptedStripe(Response(body=first), Response(body={"data": [], "has_more": False}))

    pages = [len(page) async for page in stripe.reader().pages(PATH)]

    assert pages == [4, 0]
    assert stripe.requests[1]["starting_after"] == "b"


@pytest.mark.parametrize("body", [{}, {"id": 5}, {"id": ""}, ["a"], "text", None], ids=json.dumps)
def test_an_event_without_an_id_is_requested_again(body: object) -> None:
    stripe = ScriptedStripe(Response(body=body))
    with (
        asyncio.Runner(loop_factory=ImpatientLoop) as runner,
        pytest.raises(StripeUnavailableError, match="check STRIPE_API_BASE"),
    ):
        runner.run(stripe.reader().event("evt_1"))

    assert len(stripe.requests) == TRIES


async def test_an_event_may_contain_what_is_not_json() -> None:
    body = {"id": "evt_1", "amount": float("nan")}

    assert await ScriptedStripe(Response(body=body)).reader().event("evt_1") == b'{"id": "evt_1", "amount": NaN}'


async def test_an_object_that_is_not_json_does_not_affect_others() -> None:
    page = {"data": [{"id": "a", "amount": float("nan")}, {"id": "b"}], "has_more": False}

    (data,) = [page async for page in ScriptedStripe(Response(body=page)).reader().pages(PATH)]

    assert [bytes(raw) for raw in data] == [b'{"id": "a", "amount": NaN}', b'{"id": "b"}']
