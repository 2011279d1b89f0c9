"""Sends from several threads at the same time."""

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.support.senders import connect

SENDERS = 6
"""Threads that send at the same time; together they keep a processor busy."""


def run_together(functions: Sequence[Callable[[], object]]) -> None:
    """Calls each function in a thread of its own, and waits for all."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def flood(url: str, requests: Sequence[bytes], seconds: float) -> Counter[int]:
    """Sends the requests in turn, as fast as they are answered; returns the answers by status, 0 for none."""
    answers: Counter[int] = Counter()
    end = time.monotonic() + seconds
    offsets = itertools.count()

    def send() -> None:
        connection = connect(url)
        for request in itertools.islice(itertools.cycle(requests), next(offsets), None):
            if time.monotonic() > end:
                break
            try:
                connection.sendall(request)
                status, closed = _answer(connection)
            except OSError:
                status, closed = 0, True
            answers[status] += 1
            if closed:
                connection.close()
                connection = connect(url)
        connection.close()

    run_together([send] * SENDERS)
    return answers


def _answer(connection: socket.socket) -> tuple[int, bool]:
    """The status, and whether the service closes the connection."""
    answer = connection.recv(65_536)
    status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
    return status, not status or b"connection: close" in answer.lower()
