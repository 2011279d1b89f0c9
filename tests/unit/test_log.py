import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.log import _json
from lea_payments.text.line_output import BUFFER_LIMIT, MUCH, PIECE, LineOutput
from tests.support.hostile_text import HOSTILE, controls

LINE = b'{"event":"payment_completed"}'


class Pipe:
    """A pipe whose reader reads only when the test says so."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def read(self) -> bytes:
        received = bytearray()
        try:
            while piece := os.read(self.reader, 65_536):
                received += piece
        except BlockingIOError:
            pass
        return bytes(received)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    for descriptor in (pipe.reader, pipe.writer):
        with contextlib.suppress(OSError):
            os.close(descriptor)


@pytest.fixture
def dropped() -> list[int]:
    return []


def test_a_line_without_a_loop_is_written_at_once(pipe: Pipe, dropped: list[int]) -> None:
    LineOutput(pipe.writer, dropped.append).msg(LINE)

    assert (pipe.read(), dropped) == (LINE + b"\n", [])


async def test_the_lines_of_one_iteration_are_written_together(pipe: Pipe, dropped: list[int]) -> None:
    os.set_blocking(pipe.writer, False)  # for the check that unit tests have no blocking calls
    output = LineOutput(pipe.writer, dropped.append)
    output.msg(LINE)
    output.msg(LINE)
    before = pipe.read()
    await asyncio.sleep(0)

    assert (before, pipe.read(), dropped) == (b"", 2 * (LINE + b"\n"), [])


@pytest.fixture
async def in_a_burst(pipe: Pipe, dropped: list[int]) -> LineOutput:
    """Its first line is written, so the next ones wait."""
    os.set_blocking(pipe.writer, False)
    output = LineOutput(pipe.writer, dropped.append)
    output.msg(LINE)
    await asyncio.sleep(0)
    assert pipe.read() == LINE + b"\n"
    output._next_at += 3600
    return output


async def test_the_lines_of_a_burst_wait_for_one_write(in_a_burst: LineOutput, pipe: Pipe) -> None:
    for _ in range(3):
        in_a_burst.info(LINE)
        await asyncio.sleep(0)
    before = pipe.read()
    in_a_burst.close()

    assert (before, pipe.read()) == (b"", 3 * (LINE + b"\n"))


async def test_a_burst_is_written_after_a_short_time(pipe: Pipe, dropped: list[int]) -> None:
    os.set_blocking(pipe.writer, False)
    output = LineOutput(pipe.writer, dropped.append)
    received = b""
    for _ in range(3):
        output.msg(LINE)
        await asyncio.sleep(0)
    while len(received) < 3 * (len(LINE) + 1):
        await asyncio.sleep(0.01)
        received += pipe.read()

    assert received == 3 * (LINE + b"\n")


async def test_an_error_is_written_at_once_with_all_before(in_a_burst: LineOutput, pipe: Pipe) -> None:
    in_a_burst.warning(LINE)
    in_a_burst.error(b"error")

    assert pipe.read() == LINE + b"\nerror\n"


async def test_many_lines_of_a_burst_do_not_wait(in_a_burst: LineOutput, pipe: Pipe) -> None:
    in_a_burst.info(b"x" * (MUCH // 2))
    before = pipe.read()
    in_a_burst.info(b"x" * (MUCH // 2))

    assert before == b""
    assert len(pipe.read()) >= MUCH - PIECE


def test_a_loop_that_has_ended_keeps_no_lines(pipe: Pipe, dropped: list[int]) -> None:
    os.set_blocking(pipe.writer, False)
    output = LineOutput(pipe.writer, dropped.append)

    async def write(pause: float) -> None:
        output._next_at = time.monotonic() + pause
        output.msg(LINE)

    asyncio.run(write(3600))
    before = pipe.read()
    asyncio.run(write(-1))

    assert (before, pipe.read()) == (b"", 2 * (LINE + b"\n"))


def test_a_full_pipe_is_not_waited_for(pipe: Pipe, dropped: list[int]) -> None:
    output = LineOutput(pipe.writer, dropped.append)
    number = 2 * BUFFER_LIMIT // len(LINE)
    for _ in range(number):
        output.msg(LINE)
    received = bytearray()
    while not output.flush():
        received += pipe.read()
    received += pipe.read()

    assert sum(dropped) > 0
    assert received.count(LINE + b"\n") == number - sum(dropped)
    assert len(received) == received.count(LINE + b"\n") * (len(LINE) + 1)


def test_lines_for_a_reader_that_is_gone_are_dropped(pipe: Pipe, dropped: list[int]) -> None:
    os.close(pipe.reader)
    output = LineOutput(pipe.writer, dropped.append)
    for _ in range(3):
        output.msg(LINE)

    assert (dropped, output.flush()) == ([1, 1, 1], True)


def test_a_line_after_a_torn_one_starts_on_a_new_line(pipe: Pipe, dropped: list[int]) -> None:
    """The rest of a long line is dropped, as on a full disk; the next line can be read."""
    output = LineOutput(pipe.writer, dropped.append)
    output.msg(b"x" * (17 * PIECE))
    first = pipe.read()
    output._descriptor = None
    output.flush()
    output._descriptor = pipe.writer
    output.msg(LINE)

    assert first == b"x" * len(first)
    assert (pipe.read(), dropped) == (b"\n" + LINE + b"\n", [1])


def test_without_standard_output_lines_are_dropped(dropped: list[int]) -> None:
    LineOutput(None, dropped.append).msg(LINE)

    assert dropped == [1]


async def test_what_is_left_is_written_later(pipe: Pipe, dropped: list[int]) -> None:
    os.set_blocking(pipe.writer, False)
    output = LineOutput(pipe.writer, dropped.append)
    output.msg(b"x" * (20 * PIECE))
    received = b""
    while not received.endswith(b"\n"):
        await asyncio.sleep(0.01)
        received += pipe.read()

    assert (len(received), dropped) == (20 * PIECE + 1, [])


def test_a_terminal_is_written(dropped: list[int]) -> None:
    controller, terminal = os.openpty()
    LineOutput(terminal, dropped.append).msg(LINE)

    assert os.read(controller, 1000).strip() == LINE
    for descriptor in (controller, terminal):
        os.close(descriptor)


def test_the_end_waits_only_a_short_time(pipe: Pipe, dropped: list[int]) -> None:
    output = LineOutput(pipe.writer, dropped.append)
    output.msg(b"x" * (20 * PIECE))

    output.close()

    assert len(pipe.read()) == 16 * PIECE


@given(st.dictionaries(HOSTILE, HOSTILE | st.integers() | st.lists(HOSTILE, max_size=2)))
def test_a_line_cannot_control_the_terminal(line: dict[str, Any]) -> None:
    written = _json(line).decode()

    assert "\n" not in written
    assert not controls(written)
    assert json.loads(written) == json.loads(json.dumps(line))


def test_a_line_keeps_the_letters_of_all_languages() -> None:
    assert _json({"name": "Élodie 陳"}).decode() == '{"name":"Élodie 陳"}'


LOG_OF_A_COMMAND = r"""
import logging
from lea_payments.log import configure_for_commands, log

configure_for_commands()
log.warning("stripe_call_retried", call="/v1/\x1b]52;c;eA==\x07\n[warning] forged")
logging.getLogger("urllib3").warning("header: \x9b2J")
try:
    email = "mei.ling@example.com"
    raise ValueError("\x1b[2J")
except ValueError:
    log.exception("failed")
"""


def test_the_log_of_a_command_cannot_control_the_terminal() -> None:
    result = subprocess.run(
        [sys.executable, "-c", LOG_OF_A_COMMAND], capture_output=True, text=True, check=True, timeout=60
    )

    assert not controls(result.stderr)
    assert "ValueError: \\x1b[2J" in result.stderr
    assert [line for line in result.stderr.splitlines() if "forged" in line and "stripe_call_retried" not in line] == []
    assert result.stderr.count("mei.ling") == 0
