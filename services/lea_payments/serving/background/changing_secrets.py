"""Reads secrets from their files again while a service runs, so that a rotation needs no restart."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, Generic, TypeVar

from lea_payments.settings import SettingsError

CHECK_SECONDS = 1.0
"""How often the files are read: changed secrets are in use after twice this time at the latest."""

ReadT = TypeVar("ReadT")
Sleep = Callable[[float], Awaitable[None]]


class ChangingSecrets(ABC, Generic[ReadT]):
    """Secrets that can change in their files. Invalid ones, or none at all, leave the last secrets in use.

    New secrets are used when two reads agree: a file that is being written can have only some of them.
    """

    unreadable: ClassVar[str]
    """The report about files that raise another error than a SettingsError."""

    def __init__(self, in_use: ReadT, sleep: Sleep, *, has_files: bool) -> None:
        self._in_use = self._last_read = in_use
        self._are_valid = True
        self._has_files = has_files
        self._sleep = sleep

    @abstractmethod
    def _read(self) -> ReadT:
        """What the files have now. Raises SettingsError if it is invalid."""

    @abstractmethod
    def _use(self, read: ReadT) -> None:
        """Uses and reports new secrets, or those that are valid again."""

    @abstractmethod
    def _keep(self, problem: str) -> None:
        """Reports that the last secrets stay in use."""

    def _secrets_of(self, read: ReadT) -> object:
        """What two reads are compared by."""
        return read

    async def watch(self) -> None:
        """Reads the files again every second, also when nothing is received, so that an alert can fire in time."""
        while self._has_files:
            await self._sleep(CHECK_SECONDS)
            try:
                await asyncio.to_thread(self.reload)
            except Exception as error:  # noqa: BLE001 - the files are read again a second later
                self._are_valid = False
                self._keep(f"{self.unreadable}: {type(error).__name__}")

    def reload(self) -> None:
        """Reads the files once."""
        try:
            read = self._read()
        except SettingsError as error:
            self._are_valid, self._last_read = False, self._in_use
            self._keep(str(error))
            return
        secrets = self._secrets_of(read)
        is_complete, self._last_read = secrets == self._secrets_of(self._last_read), read
        if is_complete and (secrets != self._secrets_of(self._in_use) or not self._are_valid):
            self._use(read)
            self._in_use, self._are_valid = read, True
