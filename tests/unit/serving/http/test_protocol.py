import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.serving.http.closing import (
    BODY_SECONDS,
    HEAD_SECONDS,
    READ_SECONDS,
    SHUTDOWN_BODY_SECONDS,
    UNREAD_LIMIT,
)
from lea_payments.serving.http.protocol import HEAD_LIMIT
from tests.support.http_peer import Peer, Transport

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
async def peer() -> Any:
    peer = Peer()
    yield peer
    peer.end()


def _statuses(answers: bytes) -> list[str]:
    return re.findall(r"HTTP/1.1 (\d+)", answers.decode())


def _echoes(answers: bytes) -> list[str]:
    return re.findall(r"\w+ /\w* \d+(?=;)", answers.decode())


def _post(body: bytes, path: bytes = b"/a") -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, len(body)) + body


async def test_requests_are_answered(peer: Peer) -> None:
    assert _echoes(await peer.send(GET)) == ["GET /a 0"]
    assert _echoes(await peer.send(_post(b"xy"))) == ["GET /a 0", "POST /a 2"]
    assert peer.transport.ends == []


async def test_a_long_body_in_one_piece_is_complete(peer: Peer) -> None:
    assert _echoes(await peer.send(_post(b"x" * 250_000))) == ["POST /a 250000"]


async def test_a_request_follows_a_body_that_was_answered_early(peer: Peer) -> None:
    """The rest of the body is longer than a head may be."""
    body = b"x" * 100_000
    request = _post(body, b"/early")
    assert _echoes(await peer.send(request[:200])) == ["POST /early 0"]

    answers = await peer.send(request[200:], GET)

    assert _echoes(answers) == ["POST /early 0", "GET /a 0"]


async def test_an_answered_body_is_no_part_of_the_next_head(peer: Peer) -> None:
    request = _post(b"x" * 100_000, b"/early")

    answers = await peer.send(request[:200], request[200:] + GET[:9], GET[9:])

    assert _echoes(answers) == ["POST /early 0", "GET /a 0"]


REQUESTS = [GET, _post(b"xy"), b"\r\n" + GET, _post(b"GET / HTTP/1.1\r\n\r\n"), _post(b"x" * 40_000)]
ECHOES = ["GET /a 0", "POST /a 2", "GET /a 0", "POST /a 18", "POST /a 40000"]


@given(st.lists(st.integers(0, len(REQUESTS) - 1), max_size=6), st.integers(1, 100_000))
async def test_requests_in_any_pieces_have_the_same_answers(numbers: list[int], size: int) -> None:
    """A head in several pieces, followed by another request in the last one, can end the connection instead."""
    peer = Peer()
    stream = b"".join(REQUESTS[number] for number in numbers)
    answers = b""
    for start in range(0, len(stream), size) if size > 500 else [0]:
        answers = await peer.send(stream[start : start + size] if size > 500 else stream)
    answers = await peer.send()
    peer.end()

    expected = [ECHOES[number] for number in numbers]
    echoes = _echoes(answers)
    assert echoes == expected or (echoes == expected[: len(echoes)] and peer.transport.is_closing())


async def test_a_head_byte_by_byte_is_accepted(peer: Peer) -> None:
    assert _echoes(await peer.send(*(bytes([byte]) for byte in _post(b"xy")))) == ["POST /a 2"]


async def test_reading_pauses_while_requests_wait(peer: Peer) -> None:
    peer.protocol.data_received(GET * 100)

    assert not peer.transport.is_reading
    assert len(_echoes(await peer.send())) < 100
    for _ in range(20):
        answers = await peer.send()
    assert len(_echoes(answers)) == 100
    assert peer.transport.is_reading


async def test_a_refused_head_has_one_answer(peer: Peer) -> None:
    answers = await peer.send(GET[:-2] + b"x: y\r\n" * 200, GET, GET)

    assert _statuses(answers) == ["431"]
    assert peer.transport.ends == ["end of stream"]


async def test_a_sender_that_goes_on_after_a_refusal_is_cut(peer: Peer) -> None:
    await peer.send(b"x" * (HEAD_LIMIT + 1), b"x" * (UNREAD_LIMIT + 1))

    assert peer.transport.ends == ["end of stream", "abort"]


@pytest.mark.parametrize(
    ("pieces", "seconds", "statuses", "ends"),
    [
        pytest.param([], HEAD_SECONDS, ["408"], ["end of stream"], id="no head"),
        pytest.param([GET[:9]], HEAD_SECONDS, ["408"], ["end of stream"], id="half a head"),
        pytest.param([_post(b"xy")[:-1]], BODY_SECONDS, ["408"], ["end of stream"], id="half a body"),
        pytest.param([_post(b"xy")[:-1]], BODY_SECONDS - 1, [], [], id="half a body, earlier"),
        pytest.param([GET], 5, ["200"], ["close"], id="idle"),
        pytest.param([GET, GET[:9]], HEAD_SECONDS, ["200", "408"], ["end of stream"], id="half a second head"),
        pytest.param([_post(b"xy", b"/early")[:-1]], BODY_SECONDS, ["200"], ["close"], id="rest after the answer"),
    ],
)
async def test_each_stage_has_its_deadline(
    peer: Peer, pieces: list[bytes], seconds: float, statuses: list[str], ends: list[str]
) -> None:
    await peer.send(*pieces)

    assert _statuses(await peer.wait(seconds)) == statuses
    assert peer.transport.ends == ends


async def test_an_answer_in_time_is_not_cut(peer: Peer) -> None:
    await peer.send(_post(b"xy")[:-1])
    await peer.wait(BODY_SECONDS - 1)

    assert _echoes(await peer.send(b"y")) == ["POST /a 2"]


async def test_a_closed_connection_is_cut_if_the_client_stays(peer: Peer) -> None:
    await peer.wait(HEAD_SECONDS)
    await peer.wait(10)

    assert peer.transport.ends == ["end of stream", "abort"]


async def test_a_client_that_does_not_read_is_cut(peer: Peer) -> None:
    await peer.send(GET)
    peer.protocol.pause_writing()
    await peer.wait(READ_SECONDS)

    assert peer.transport.ends == ["abort"]


async def test_a_client_that_reads_again_is_not_cut(peer: Peer) -> None:
    peer.protocol.pause_writing()
    peer.protocol.resume_writing()
    await peer.wait(READ_SECONDS - 1)

    assert peer.transport.ends == []


async def test_shutdown_waits_a_short_time_for_a_body(peer: Peer) -> None:
    await peer.send(_post(b"xy")[:-1])
    peer.protocol.shutdown()

    assert _statuses(await peer.wait(SHUTDOWN_BODY_SECONDS)) == ["503"]


async def test_shutdown_answers_a_complete_request(peer: Peer) -> None:
    peer.protocol.data_received(_post(b"xy") + GET)
    peer.protocol.shutdown()

    assert _echoes(await peer.send()) == ["POST /a 2"]
    assert peer.transport.ends == ["end of stream"]


async def test_shutdown_closes_an_idle_connection(peer: Peer) -> None:
    peer.protocol.shutdown()

    assert peer.transport.ends == ["close"]


async def test_without_room_a_connection_is_dropped() -> None:
    full, new = Peer(limit=0), Transport()
    full.connect(new)
    full.end()

    assert new.ends == ["abort"]


SLOW = {
    "half a head": [GET[:9]],
    "half a second head": [GET, GET[:9]],
    "half a body": [_post(b"xy")[:-1]],
    "a refused head": [b"nonsense\r\n\r\n"],
    "an answered half body": [_post(b"xy", b"/early")[:-1]],
}


@pytest.mark.parametrize("pieces", SLOW.values(), ids=SLOW.keys())
async def test_a_slow_client_makes_room_for_a_new_one(pieces: list[bytes]) -> None:
    peer, new = Peer(limit=1), Transport()
    await peer.send(*pieces)
    peer.connect(new)
    peer.end()

    assert (peer.transport.ends[-1:], new.ends) == (["abort"], [])


async def test_a_client_that_does_not_read_makes_room() -> None:
    peer, new = Peer(limit=1), Transport()
    peer.protocol.data_received(GET)
    peer.protocol.pause_writing()
    peer.connect(new)
    peer.end()

    assert (peer.transport.ends, new.ends) == (["abort"], [])


async def test_a_request_in_progress_makes_no_room() -> None:
    peer, new = Peer(limit=1), Transport()
    peer.protocol.data_received(GET)
    peer.connect(new)

    assert (peer.transport.ends, new.ends) == ([], ["abort"])
    assert _echoes(await peer.send()) == ["GET /a 0"]
    peer.end()


async def test_a_lost_connection_frees_its_room(peer: Peer) -> None:
    await peer.send(GET * 2)
    peer.protocol.connection_lost(None)

    assert len(peer.limits) == 0


@pytest.mark.parametrize("head", [b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"nonsense\r\n\r\n", b"\x16\x03\x01"])
async def test_what_is_no_request_is_a_400(peer: Peer, head: bytes) -> None:
    assert _statuses(await peer.send(head)) == ["400"]


async def test_a_refused_request_is_not_asked_for_its_body(peer: Peer) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert _statuses(await peer.send(head + b"x\r\n")) == ["400"]


async def test_an_upgrade_is_ignored(peer: Peer) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n"
    request = _post(b"xy").replace(b"\r\n\r\n", b"\r\n" + upgrade)

    answers = await peer.send(request[:100], request[100:] + request)

    assert _echoes(answers) == ["POST /a 2"] * 2, answers


async def test_a_drain_lets_the_open_answer_close_the_connection(peer: Peer) -> None:
    peer.protocol.data_received(_post(b"xy"))
    peer.limits.drain()

    assert _echoes(await peer.send()) == ["POST /a 2"]
    assert b"connection: close\r\n" in peer.transport.written
    assert peer.transport.ends == ["end of stream"]


async def test_a_drain_leaves_an_idle_connection_open(peer: Peer) -> None:
    await peer.send(GET)
    peer.limits.drain()
    before = [*peer.transport.ends]
    await peer.send(GET)

    assert before == []
    assert peer.transport.written.count(b"connection: close\r\n") == 1
    assert peer.transport.ends == ["end of stream"]
