from collections.abc import AsyncIterator, Callable

import pytest

from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError
from lea_payments.serving.http.closing import BODY_SECONDS, READ_SECONDS, SHUTDOWN_BODY_SECONDS
from lea_payments.serving.http.direct import Exchange
from tests.support.http_peer import DATE, Peer

HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
POST = HEAD + b"\r\n{}"
GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
START = b"HTTP/1.1 200 OK\r\ndate: " + DATE + b"\r\ncontent-type: application/json\r\ncontent-length: 4\r\n"
ANSWER = START + b"\r\ntrue"
LAST_ANSWER = START + b"connection: close\r\n\r\ntrue"


class PatientRoute:
    """A route that answers when the test says so."""

    paths = frozenset({"/a", "/a/"})
    body_limit = 10

    def __init__(self) -> None:
        self.received: list[tuple[Exchange, bytes]] = []
        self.refused: list[tuple[Exchange, type[Exception]]] = []

    def receive(self, exchange: Exchange, body: bytes) -> None:
        self.received.append((exchange, body))

    def refuse(self, exchange: Exchange, error: BodyTooLargeError | BodyIncompleteError) -> None:
        self.refused.append((exchange, type(error)))
        exchange.answer(413, b"false")

    def answer(self) -> None:
        """Answers the request that was received last."""
        self.received[-1][0].answer(200, b"true")

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.received]

    @property
    def errors(self) -> list[type[Exception]]:
        return [error for _, error in self.refused]


@pytest.fixture
def route() -> PatientRoute:
    return PatientRoute()


@pytest.fixture
async def peer(route: PatientRoute) -> AsyncIterator[Peer]:
    peer = Peer(direct=route)
    yield peer
    peer.end()


async def test_a_request_is_answered_when_the_route_does(peer: Peer, route: PatientRoute) -> None:
    before = await peer.send(POST)
    route.answer()

    assert (before, route.bodies) == (b"", [b"{}"])
    assert await peer.send() == ANSWER
    assert peer.state.total_requests == 1


PATHS = [b"/a", b"/a/", b"/a?b=c", b"/%61", b"http://b/a"]


@pytest.mark.parametrize("target", PATHS)
async def test_the_path_is_compared_decoded(peer: Peer, route: PatientRoute, target: bytes) -> None:
    await peer.send(POST.replace(b"/a", target))

    assert route.bodies == [b"{}"]


@pytest.mark.parametrize("request_", [GET, POST.replace(b"/a", b"/b"), POST.replace(b"POST", b"PUT")])
async def test_all_other_requests_are_the_apps(peer: Peer, route: PatientRoute, request_: bytes) -> None:
    answers = await peer.send(request_)

    assert answers.startswith(b"HTTP/1.1 200 ")
    assert route.bodies == []


async def test_a_broken_request_can_follow(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    route.answer()
    answers = await peer.send(GET.replace(b"/a", b"http://a:x"))
    peer.protocol.connection_lost(None)

    assert answers.startswith(ANSWER + b"HTTP/1.1 400 ")


async def test_headers_are_found_by_name(peer: Peer, route: PatientRoute) -> None:
    await peer.send(HEAD + b"SiGnature: \xe9\r\nsignature: b\r\n\r\n{}")

    exchange = route.received[0][0]
    assert (exchange.header(b"signature"), exchange.header(b"nothing")) == ("\xe9", None)
    assert exchange.headers[-1] == (b"signature", b"b")


async def test_an_answer_has_the_headers_of_its_route(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    route.received[0][0].answer(503, b"true", b"retry-after: 10\r\n")

    answer = await peer.send()

    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert answer.endswith(b"content-length: 4\r\nretry-after: 10\r\n\r\ntrue")


async def test_the_date_of_answers_changes(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    peer.state.default_headers = [(b"date", b"tomorrow")]
    route.answer()

    assert b"\r\ndate: tomorrow\r\n" in await peer.send()


async def test_a_second_answer_is_ignored(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    route.answer()
    route.answer()

    assert await peer.send() == ANSWER


async def test_pipelined_requests_wait_for_the_answer(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST + GET + POST)
    waiting = (route.bodies, peer.transport.is_reading)
    route.answer()
    answers = await peer.send()

    assert waiting == ([b"{}"], False)
    assert answers.startswith(ANSWER)
    assert answers.endswith(b"GET /a 0;")
    assert route.bodies == [b"{}", b"{}"]


@pytest.mark.parametrize("line", [b"Connection: close", b"Connection: CLOSE, x"])
async def test_the_client_can_close_the_connection(peer: Peer, route: PatientRoute, line: bytes) -> None:
    await peer.send(HEAD + line + b"\r\n\r\n{}")
    route.answer()

    assert await peer.send() == LAST_ANSWER
    assert peer.transport.ends == ["close"]


@pytest.mark.parametrize("line", [b"", b"Connection: keep-alive\r\n"], ids=["no header", "keep-alive"])
async def test_a_request_of_http_1_0_is_the_last_one(peer: Peer, route: PatientRoute, line: bytes) -> None:
    await peer.send(HEAD.replace(b"1.1", b"1.0") + line + b"\r\n{}")
    route.answer()

    assert await peer.send() == LAST_ANSWER


async def test_the_body_of_a_careful_client_is_asked_for(peer: Peer, route: PatientRoute) -> None:
    asked = await peer.send(HEAD + b"Expect: 100-continue\r\n\r\n", b"{")
    await peer.send(b"}")

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert route.bodies == [b"{}"]


async def test_a_too_long_body_is_not_asked_for(peer: Peer, route: PatientRoute) -> None:
    head = HEAD.replace(b"Length: 2", b"Length: 11") + b"Expect: 100-continue\r\n\r\n"

    answer = await peer.send(head)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert route.errors == [BodyTooLargeError]


def _chunked(*chunks: bytes) -> bytes:
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


async def test_the_chunks_of_a_body_are_joined(peer: Peer, route: PatientRoute) -> None:
    await peer.send(_chunked(b"12345", b"67890"), b"0\r\n\r\n")

    assert route.bodies == [b"1234567890"]


async def test_too_many_chunks_are_refused_at_the_limit(peer: Peer, route: PatientRoute) -> None:
    answers = await peer.send(_chunked(b"12345", b"678901"), b"5\r\nabcde\r\n0\r\n\r\n", POST)
    route.answer()

    assert answers.count(b"HTTP/1.1 413 ") == 1
    assert route.errors == [BodyTooLargeError]
    assert (await peer.send()).endswith(ANSWER)


@pytest.mark.parametrize(
    "leave",
    [
        pytest.param(lambda peer: peer.protocol.connection_lost(None), id="the client leaves"),
        pytest.param(lambda peer: peer.protocol.drop("too_much_memory"), id="a limit"),
    ],
)
async def test_half_a_body_is_incomplete(peer: Peer, route: PatientRoute, leave: Callable[[Peer], None]) -> None:
    await peer.send(POST[:-1])
    leave(peer)

    assert (route.bodies, route.errors) == ([], [BodyIncompleteError])
    assert await peer.send() == b""


async def test_a_slow_body_is_incomplete(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST[:-1])
    answers = await peer.wait(BODY_SECONDS)
    peer.protocol.connection_lost(None)

    assert answers.startswith(b"HTTP/1.1 408 ")
    assert route.errors == [BodyIncompleteError]


async def test_a_slow_answer_has_no_deadline(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    await peer.wait(10 * BODY_SECONDS)
    route.answer()

    assert await peer.send() == ANSWER


async def test_the_answer_waits_for_a_slow_reader(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    peer.protocol.pause_writing()
    route.answer()
    before = await peer.send()
    peer.protocol.resume_writing()

    assert before == b""
    assert await peer.send() == ANSWER


async def test_a_client_that_never_reads_is_cut(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    peer.protocol.pause_writing()
    route.answer()

    assert await peer.wait(READ_SECONDS) == b""
    assert (peer.transport.ends, peer.state.tasks) == (["abort"], set())


async def test_an_answer_follows_that_of_the_app(peer: Peer, route: PatientRoute) -> None:
    """The answer of the app has been written in this iteration of the event loop, and waits for its end."""
    peer.protocol.transport.write(b"earlier;")
    peer.protocol.data_received(POST)
    route.answer()

    assert await peer.send() == b"earlier;" + ANSWER


async def test_shutdown_waits_for_the_answer(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    peer.protocol.shutdown()
    is_open = peer.protocol in peer.state.connections
    route.answer()

    assert is_open
    assert await peer.send() == LAST_ANSWER
    assert peer.transport.ends == ["end of stream"]


async def test_shutdown_waits_after_the_client_has_left(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    peer.protocol.connection_lost(None)
    waiting = len(peer.state.tasks)
    route.answer()

    assert (waiting, len(peer.state.tasks)) == (1, 0)
    assert await peer.send() == b""


async def test_shutdown_gives_a_body_little_time(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST[:-1])
    peer.protocol.shutdown()

    assert (await peer.wait(SHUTDOWN_BODY_SECONDS)).startswith(b"HTTP/1.1 503 ")
    assert route.errors == [BodyIncompleteError]


async def test_a_drain_makes_the_answer_the_last_one(peer: Peer, route: PatientRoute) -> None:
    await peer.send(POST)
    peer.limits.drain()
    route.answer()

    assert await peer.send() == LAST_ANSWER
    assert peer.transport.ends == ["end of stream"]


async def test_requests_after_a_too_long_body_are_answered(peer: Peer, route: PatientRoute) -> None:
    """The head and the start of the body are parsed first, because a head may not be longer."""
    await peer.send(HEAD.replace(b": 2", b": 40000") + b"\r\n" + b"x" * 40_000 + POST * 2)
    for _ in range(2):
        route.answer()
        answers = await peer.send()

    assert answers.endswith(ANSWER * 2)


async def test_pieces_after_the_last_answer_are_ignored(peer: Peer, route: PatientRoute) -> None:
    """The head fills the first piece that is parsed, and its answer closes the connection."""
    head = HEAD.replace(b": 2", b": 40000") + b"Connection: close\r\n\r\n"

    answers = await peer.send(head + b"x" * 40_000 + POST)

    assert answers.count(b"HTTP/1.1 ") == 1
    assert route.errors == [BodyTooLargeError]
