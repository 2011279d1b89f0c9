"""Claim: calls share at most CONNECTIONS connections, and each ends exactly once whatever happens to those."""

import asyncio
import gc
import random

import pytest
from botocore.exceptions import BotoCoreError, ReadTimeoutError

from lea_payments.store.batch.connections import Connections
from lea_payments.store.connection import CONNECTIONS
from tests.support.batch_client import BODY, OK, RESPONSES, STATEMENTS, Results, batch_call, result_of, session
from tests.support.examples import examples
from tests.support.raw_server import CLOSE, HANG, RESET, Answer, RawServer, http


async def test_calls_one_after_the_other_use_one_connection() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        results = [await result_of(call) for _ in range(20)]

        assert results == [RESPONSES] * 20
        assert server.opened == 1


async def test_many_calls_share_a_few_connections() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        results = Results()
        for _ in range(200):
            call.send(STATEMENTS, results)

        assert await results.wait_for(200) == [RESPONSES] * 200
        assert server.opened == server.most_open == CONNECTIONS


async def test_the_connection_that_was_used_last_is_used_next() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await asyncio.gather(*[result_of(call) for _ in range(5)])
        for _ in range(10):
            await result_of(call)

        assert len({each.connection for each in server.requests[5:]}) == 1


async def test_a_callback_comes_after_send_has_returned() -> None:
    """Also if nothing can be sent: with credentials that are no header, and after `close`."""
    invalid = session()
    invalid.set_credentials("key", "secret", "token\n")
    ends: dict[str, int] = {}
    async with RawServer(OK) as server, batch_call(server.url) as good, batch_call(server.url, invalid) as bad:
        await good(STATEMENTS)
        results = Results()
        good.send(STATEMENTS, results)
        ends["sent"] = len(results.all)
        bad.send(STATEMENTS, results)
        ends["not a header"] = len(results.all)
        await results.wait_for(2)
        await good.close()
        good.send(STATEMENTS, results)
        ends["closed"] = len(results.all)
        await results.wait_for(3)

    assert ends == {"sent": 0, "not a header": 0, "closed": 2}
    assert sorted(results.errors) == ["ConnectionClosedError", "HTTPClientError"]


async def test_a_callback_can_send_the_next_call() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        results = Results()

        def send_again(result: object) -> None:
            results(result)  # type: ignore[arg-type]
            if len(results.all) < 10:
                call.send(STATEMENTS, send_again)

        call.send(STATEMENTS, send_again)

        assert await results.wait_for(10) == [RESPONSES] * 10
        assert server.opened == 1


async def test_a_callback_that_fails_concerns_no_other_call() -> None:
    problems = asyncio.Queue[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.put_nowait(context["exception"]))

    def fail(_: object) -> None:
        raise LookupError

    async with RawServer(OK) as server, batch_call(server.url) as call:
        call.send(STATEMENTS, fail)

        assert [await result_of(call) for _ in range(2)] == [RESPONSES] * 2
        assert isinstance(await problems.get(), LookupError)  # its response can come after the others
        assert problems.empty()


@pytest.mark.parametrize("then", [CLOSE, RESET])
async def test_an_idle_connection_that_ends_concerns_no_call(then: str) -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await result_of(call)
        await server.end(1, then)
        await asyncio.sleep(0.05)  # the client notices; if it does not, the test is green nevertheless

        assert await result_of(call) == RESPONSES
        assert [each.connection for each in server.requests] == [1, 2]


async def test_data_on_an_idle_connection_is_no_response() -> None:
    """A load balancer sends a 408 before it closes an idle connection."""
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await result_of(call)
        server.write(1, http(b"", status="408 Request Timeout"))
        results = [await result_of(call) for _ in range(4)]

        assert results[1:] == [RESPONSES] * 3
        assert [each.connection for each in server.requests][-3:] == [2, 2, 2]


async def test_after_a_failure_all_idle_connections_are_closed() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await asyncio.gather(*[result_of(call) for _ in range(5)])
        server.answers = [Answer([], CLOSE), Answer([OK])]
        failure = await result_of(call)
        await result_of(call)

        assert isinstance(failure, BotoCoreError)
        assert server.requests[-1].connection == 6
        await server.until(lambda: server.open == 1)


async def test_after_an_internal_error_all_idle_connections_are_closed() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await asyncio.gather(*[result_of(call) for _ in range(5)])
        server.answers = [Answer([http(b"{}", status="500 Internal Server Error")]), Answer([OK])]
        await result_of(call)

        assert await result_of(call) == RESPONSES
        assert server.requests[-1].connection == 6


async def test_a_connection_in_use_during_a_failure_is_not_used_again() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await asyncio.gather(result_of(call), result_of(call))
        server.gate.clear()
        results = Results()
        call.send(STATEMENTS, results)
        call.send(STATEMENTS, results)
        await server.until(lambda: len(server.requests) == 4)
        await server.end(server.requests[-1].connection, RESET)
        await results.wait_for(1)
        server.gate.set()
        await results.wait_for(2)
        await result_of(call)

        assert results.all[1] == RESPONSES
        assert server.requests[-1].connection == 3


async def test_calls_that_wait_go_on_after_a_failure() -> None:
    """All connections hang and one is reset: the calls that wait get new ones."""
    answers = [Answer([], HANG)] * CONNECTIONS
    async with RawServer(*answers, OK) as server, batch_call(server.url) as call:
        results = Results()
        for _ in range(CONNECTIONS):
            call.send(STATEMENTS, results)
        await server.until(lambda: len(server.requests) == CONNECTIONS)
        for _ in range(CONNECTIONS):
            call.send(STATEMENTS, results)
        await server.end(1, RESET)
        await results.wait_for(1 + CONNECTIONS)

        assert results.errors == ["ConnectionClosedError"]
        assert results.all[1:] == [RESPONSES] * CONNECTIONS


async def test_a_call_that_waits_for_a_connection_fails_in_time() -> None:
    async with RawServer(Answer([], HANG)) as server, batch_call(server.url) as call:
        results = Results()
        for _ in range(3 * CONNECTIONS):
            call.send(STATEMENTS, results)
        await results.wait_for(3 * CONNECTIONS)

        assert {type(each) for each in results.all} == {ReadTimeoutError}


@pytest.mark.parametrize("count", [1, 3 * CONNECTIONS])
async def test_close_ends_the_calls_in_flight(count: int) -> None:
    """While some have a connection, and others wait for one."""
    async with RawServer(Answer([], HANG)) as server, batch_call(server.url) as call:
        results = Results()
        for _ in range(count):
            call.send(STATEMENTS, results)
        await server.until(lambda: bool(server.requests))
        await call.close()
        await asyncio.sleep(0)

        assert results.errors == ["ConnectionClosedError"] * count


async def test_close_ends_the_calls_that_open_connections() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        results = Results()
        call.send(STATEMENTS, results)
        await call.close()
        await call.close()
        await asyncio.sleep(0)

        assert results.errors == ["ConnectionClosedError"]


async def test_close_leaves_no_connection_open() -> None:
    async with RawServer(OK) as server:
        async with batch_call(server.url) as call:
            await asyncio.gather(*[result_of(call) for _ in range(5)])
        await server.until(lambda: server.open == 0)
        gc.collect()  # an open socket would be a ResourceWarning, and so an error

        assert (server.opened, server.open) == (5, 0)


async def test_idle_connections_that_end_make_room_for_others() -> None:
    async with RawServer(Answer([OK], CLOSE)) as server, batch_call(server.url) as call:
        for number in range(1, CONNECTIONS + 5):
            assert await result_of(call) == RESPONSES
            await server.end(number)
            while call._connections is not None and call._connections._idle:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0)

        assert server.most_open == 1


async def test_a_call_that_ended_while_it_waited_is_not_sent() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        server.gate.clear()
        results = Results()
        for _ in range(CONNECTIONS + 2):
            call.send(STATEMENTS, results)
        await server.until(lambda: len(server.requests) == CONNECTIONS)
        connections = call._connections
        assert isinstance(connections, Connections)
        connections.end(connections._waiting[0], ReadTimeoutError(endpoint_url=server.url))
        server.gate.set()
        await results.wait_for(CONNECTIONS + 2)

        assert results.errors == ["ReadTimeoutError"]
        assert len(server.requests) == CONNECTIONS + 1


async def test_a_caller_that_no_longer_waits_disturbs_nobody() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        server.gate.clear()
        waiting = asyncio.ensure_future(call(STATEMENTS))
        await server.until(lambda: bool(server.requests))
        waiting.cancel()
        server.gate.set()

        assert await result_of(call) == RESPONSES


async def test_a_connection_that_is_idle_for_long_is_closed() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await asyncio.gather(*[result_of(call) for _ in range(3)])
        connections = call._connections
        assert isinstance(connections, Connections)
        for each in connections._idle[:2]:
            each.used_until = 0.0  # as if its time were over
        connections._check()
        await server.until(lambda: server.open == 1)
        results = await asyncio.gather(*[result_of(call) for _ in range(CONNECTIONS)])

        assert results == [RESPONSES] * CONNECTIONS
        assert server.most_open == CONNECTIONS


async def test_a_server_that_comes_back_is_used() -> None:
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await result_of(call)
    async with batch_call(server.url) as call:
        failures = [await result_of(call) for _ in range(3)]
        again = RawServer(OK)
        again.port = server.port
        async with again:
            assert await result_of(call) == RESPONSES

    assert [type(each).__name__ for each in failures] == ["EndpointConnectionError"] * 3


MIXED = [
    *[Answer([OK])] * 6,
    Answer([OK[:20], OK[20:]]),
    Answer([http(BODY, "Connection: close")], CLOSE),
    Answer([http(BODY, length=False)], CLOSE),
    Answer([OK], CLOSE),
    Answer([OK + OK]),
    Answer([OK[:-3]], CLOSE),
    Answer([OK[:-3]], RESET),
    Answer([], CLOSE),
    Answer([], RESET),
    Answer([b"garbage"]),
    Answer([http(b"{}", status="400 Bad Request")]),
    Answer([http(b"{}", status="500 Internal Server Error")]),
    Answer([http(b"{}", status="408 Request Timeout")], CLOSE),
]


@pytest.mark.parametrize("seed", range(examples(2, 30)))
async def test_each_of_many_calls_ends_once_whatever_happens(seed: int) -> None:
    chosen = random.Random(seed).choices(MIXED, k=300)
    async with RawServer(*chosen, OK) as server, batch_call(server.url) as call:
        results = Results()
        for _ in range(len(chosen)):
            call.send(STATEMENTS, results)
            if len(results.all) % 7 == seed % 7:
                await asyncio.sleep(0)
        await results.wait_for(len(chosen))
        server.answers = [Answer([OK])]
        await result_of(call)  # a connection that its server has just closed can still fail it

        assert [await result_of(call) for _ in range(3)] == [RESPONSES] * 3
        assert len(results.all) == len(chosen)
        assert len(results.errors) < len(chosen)
