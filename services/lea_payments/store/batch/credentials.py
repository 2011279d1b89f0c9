"""Keeps botocore's credentials at hand for the event loop, and refreshes those of a role in a thread."""

import asyncio
from collections.abc import Callable

from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

CHECK_SECONDS = 1.0
"""How long the credentials are used without another look at their expiry, which costs 10 µs."""

USABLE_SECONDS = 600
"""Credentials that are valid for longer are used while new ones are on the way. botocore waits at the same limit."""

_THREADS = 2
"""One can hang in a refresh. The other one then finds out that the present credentials are still usable."""

CredentialsError = BotoCoreError | ClientError
Receive = Callable[[ReadOnlyCredentials | CredentialsError], None]


class CurrentCredentials:
    """The current credentials of a session. No method blocks."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._frozen: ReadOnlyCredentials | None = None
        self._checked_until = 0.0
        self._waiting: list[Receive] = []
        self._threads = 0

    def current(self, now: float) -> ReadOnlyCredentials | None:
        """The credentials, or None if they must be fetched. `now` is in the loop's time."""
        if now < self._checked_until:
            return self._frozen
        credentials = self._credentials
        if not isinstance(credentials, RefreshableCredentials) or not credentials.refresh_needed():
            return self._keep(credentials.get_frozen_credentials(), now)
        if self._frozen is not None and not credentials.refresh_needed(USABLE_SECONDS):
            self._checked_until = now + CHECK_SECONDS
            self._start()
            return self._frozen
        return None

    def fetch(self, receive: Receive) -> None:
        """Calls back with credentials, or the reason why there are none, as soon as a refresh has ended."""
        self._waiting.append(receive)
        self._start()

    def _start(self) -> None:
        if self._threads < _THREADS:
            self._threads += 1
            in_thread = asyncio.get_running_loop().run_in_executor(None, self._credentials.get_frozen_credentials)
            in_thread.add_done_callback(self._end)

    def _end(self, in_thread: asyncio.Future[ReadOnlyCredentials]) -> None:
        self._threads -= 1
        if in_thread.cancelled():
            return
        error = in_thread.exception()
        waiting, self._waiting = self._waiting, []
        result: ReadOnlyCredentials | CredentialsError
        if error is None:
            result = self._keep(in_thread.result(), in_thread.get_loop().time())
        else:
            result = error if isinstance(error, BotoCoreError | ClientError) else HTTPClientError(error=error)
        for receive in waiting:
            receive(result)

    def _keep(self, latest: ReadOnlyCredentials, now: float) -> ReadOnlyCredentials:
        """Returns the same object for equal credentials: what is built from them is kept with it."""
        frozen = self._frozen
        if frozen is None or frozen != latest:
            frozen = self._frozen = latest
        self._checked_until = now + CHECK_SECONDS
        return frozen
