"""Says on standard error what a command waits for, when that takes longer than a moment."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Self

from lea_payments.text.visible import visible_text

FIRST_SECONDS = 3.0
"""After this time without a result, a command says what it does; then whenever the time has doubled."""


class Progress:
    """Prints what the command waits for, at first after a few seconds, so that nobody takes silence for a hang."""

    def __init__(self, first_seconds: float = FIRST_SECONDS, write: Callable[[str], object] | None = None) -> None:
        self._first = first_seconds
        self._write = write or _write
        self._changed = threading.Condition()
        self._activity: str | None = None
        self._began = 0.0
        self._number = 0

    def does(self, activity: str | None) -> None:
        """The command begins this activity, `reading table payments`; None ends it."""
        with self._changed:
            self._activity, self._began = activity, time.monotonic()
            self._number += 1
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._is_over = False
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the messages."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            number, wait = self._number, self._first
            while not self._is_over:
                has_news = self._changed.wait(wait if self._activity else None)
                if has_news and self._number != number:
                    number, wait = self._number, self._first
                elif not has_news and self._activity:
                    self._write(f"Still {self._activity} ({time.monotonic() - self._began:.0f} s)")
                    wait *= 2


def _write(text: str) -> None:
    sys.stderr.write(visible_text(text) + "\n")
    sys.stderr.flush()
