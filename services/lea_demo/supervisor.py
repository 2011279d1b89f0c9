"""The demo: every part on this machine as a process, one line for each thing that happens, and an orderly end."""

import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from subprocess import PIPE, run
from threading import Thread
from typing import NamedTuple

import httpx
from rich.console import Console

from lea_demo import processes as demo_parts
from lea_demo import settings as demo_settings
from lea_demo import texts as demo_words
from lea_demo.child import Child
from lea_demo.dynamodb_local import DynamoDBLocal, DynamoDBLocalError, fetch, is_busy
from lea_demo.lines import Reader
from lea_demo.processes import Part
from lea_demo.settings import DemoSettings
from lea_demo.texts import Example

FOLDER = Path(".data")
READY_SECONDS = 60.0
LOOK_SECONDS = 0.2
LAST_LINES = 12
TABLE_COMMAND = (sys.executable, "-m", "lea_payments", "init-table")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """Raised when the demo cannot go on; the text says why and what to do."""


class Stopped(Exception):  # noqa: N818 - it is a wish, not an accident
    """Raised when somebody asked the demo to stop."""


class _Said(NamedTuple):
    part: str
    text: str


class _Ended(NamedTuple):
    part: str
    status: int


_News = _Said | _Ended | type[Stopped]


def start(settings: DemoSettings, console: Console) -> int:
    """Runs the demo until Ctrl-C or SIGTERM and gives the exit status.

    Raises SettingsError while nothing has been started yet.
    """
    demo_settings.check_stripe(settings)
    demo_settings.check_ports(settings, is_busy)
    began = time.monotonic()
    console.print(demo_words.title(settings))
    news: SimpleQueue[_News] = SimpleQueue()
    try:
        with _progress(console, "Looking for DynamoDB Local") as progress:
            fetch(progress=progress)
        with _stop_signals(news), ExitStack() as running:
            demo = Demo(settings, console, news, running)
            try:
                demo.bring_up(began)
                demo.tell()
            except Stopped:
                console.print("\nStopping …", style="dim")
    except KeyboardInterrupt:
        console.print()
    except (DemoError, DynamoDBLocalError) as error:
        console.print(f"✗ {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    console.print(demo_words.goodbye(FOLDER / "dynamodb"), soft_wrap=True)
    return 0


class Demo:
    """The running processes and their news; what is started goes on `running`, which stops it in reverse order."""

    def __init__(self, settings: DemoSettings, console: Console, news: SimpleQueue[_News], running: ExitStack) -> None:
        self._settings = settings
        self._console = console
        self._news = news
        self._running = running
        self._reader = Reader()
        self._last: dict[str, deque[str]] = {}
        self._dynamodb = DynamoDBLocal(settings.dynamodb_port, FOLDER / "dynamodb")
        self._client = running.enter_context(httpx.Client(timeout=10, trust_env=False))

    def bring_up(self, began: float) -> None:
        """Starts everything at once, makes the example payment and says where all of it is."""
        parts = demo_parts.parts_of(self._settings)
        with self._console.status("Starting") as status:
            self._running.callback(self._dynamodb.stop)
            table = self._running.enter_context(ThreadPoolExecutor(1)).submit(self._start_table)
            for part in parts:
                self._start(part)
            self._await(parts, lambda part: part.alive, status.update)
            self._await_table(table)
            # Not earlier: a part that has looked for the table in vain takes its time before it looks again.
            self._await(parts, lambda part: part.ready, status.update)
            example = self._example()
        self._console.print(f"Ready after {time.monotonic() - began:.1f} s.\n", style="bold green", highlight=False)
        self._console.print(demo_words.links(self._settings, example), soft_wrap=True, highlight=False)

    def tell(self) -> None:
        """One line for each thing that happens, until Stopped is raised."""
        while True:
            self._take(1.0)
            self._dynamodb.raise_if_it_ended()

    def _start_table(self) -> None:
        self._dynamodb.start()
        env = demo_parts.environment(self._settings)
        made = run(TABLE_COMMAND, capture_output=True, env=env, cwd=FOLDER, text=True, check=False)  # noqa: S603 - ours
        if made.returncode:
            raise DemoError(f"the table could not be made: {made.stderr.strip().splitlines()[-1]}")

    def _start(self, part: Part) -> None:
        child = Child(part.command, PIPE, part.env, FOLDER)
        self._running.callback(child.stop)
        self._last[part.name] = deque(maxlen=LAST_LINES)
        Thread(target=self._listen, args=(part.name, child), daemon=True).start()

    def _listen(self, name: str, child: Child) -> None:
        """In a thread of its own: what a part writes, until it ends."""
        assert child.process.stdout is not None  # noqa: S101 - a pipe was asked for
        for written in child.process.stdout:
            self._news.put(_Said(name, written.decode(errors="replace").rstrip("\n")))
        self._news.put(_Ended(name, child.process.wait()))

    def _await(self, parts: Sequence[Part], address: Callable[[Part], str], progress: Callable[[str], None]) -> None:
        waiting, deadline = list(parts), time.monotonic() + READY_SECONDS
        while waiting:
            progress(f"Starting {', '.join(part.name for part in waiting)}")
            self._take(LOOK_SECONDS)
            waiting = [part for part in waiting if not self._answers(address(part))]
            if waiting and time.monotonic() > deadline:
                said = "\n".join(f"  {line}" for part in waiting for line in self._last[part.name])
                names = ", ".join(part.name for part in waiting)
                raise DemoError(f"{names} not ready within {READY_SECONDS:.0f} s. The last lines:\n{said}")

    def _await_table(self, table: "Future[None]") -> None:
        while not table.done():
            self._take(LOOK_SECONDS)
        table.result()

    def _answers(self, address: str) -> bool:
        try:
            return self._client.get(address).is_success
        except httpx.TransportError:
            return False

    def _example(self) -> Example:
        """A new payment, made as any caller of the API makes one."""
        wanted = demo_words.ORDER | {"payment_intent_id": f"payment_demo_{token_hex(4)}"}
        token = {"Authorization": f"Bearer {self._settings.api_tokens[0]}"}
        try:
            answer = self._client.post(f"{self._settings.url('checkout')}/payments", json=wanted, headers=token)
        except httpx.TransportError as error:
            raise DemoError(f"the example payment could not be made: {error}") from None
        if not answer.is_success:
            raise DemoError(f"the example payment could not be made: {answer.json()['error']['message']}")
        payment, link = answer.json()["payment"], answer.json()["link"]
        return Example(payment["payment_intent_id"], payment["stripe_session_id"], link["url"])

    def _take(self, seconds: float) -> None:
        """One piece of news, waited for this long; raises Stopped, or DemoError when a part has ended."""
        try:
            news = self._news.get(timeout=seconds)
        except Empty:
            return
        match news:
            case _Said(part, text):
                self._last[part].append(text)
                line = self._reader.read(part, text)
                if line is not None:
                    self._console.print(line.text(), soft_wrap=True)
            case _Ended(part, status):
                said = "\n".join(f"  {line}" for line in self._last[part])
                raise DemoError(f"{part} ended by itself (exit status {status}). Its last lines:\n{said}")
            case _:
                raise Stopped


@contextmanager
def _stop_signals(news: "SimpleQueue[_News]") -> Iterator[None]:
    """Makes Ctrl-C and its like a piece of news, so that no start and no stop is cut in half."""
    before = {number: signal.signal(number, lambda *_: news.put(Stopped)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(console: Console, text: str) -> Iterator[Callable[[str], None]]:
    """A spinner with what is going on; where there is no terminal, a line each time that changes."""
    if console.is_terminal:
        with console.status(text) as status:
            yield status.update
    else:
        yield lambda text: console.print(text, highlight=False)
