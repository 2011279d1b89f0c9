"""Repeats calls to DynamoDB while their failure is temporary, and waits until a condition holds."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import stamina
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from lea_payments.store.dynamodb import code_of, is_internal

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, JITTER_SECONDS = 0.2, 5.0, 0.5
"""The pause doubles with each try."""

TEMPORARY_CODES = frozenset(
    {
        "ContinuousBackupsUnavailableException",  # for minutes after a table was created
        "LimitExceededException",  # too many tables or indexes change at the same time
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceInUseException",  # the table or one of its indexes is being changed
        "Throttling",
        "ThrottlingException",
    }
)
"""The codes of the control plane after which the same call can succeed (DynamoDB API reference)."""

ResultT = TypeVar("ResultT")


class NotYetError(Exception):
    """Raised while a condition does not hold; the message says what is missing."""


class Patience:
    """The time that all calls together may take. After it, the last problem is raised as it is."""

    def __init__(self, seconds: float, *, waits_for_start: bool) -> None:
        """With `waits_for_start`, a database that cannot be reached counts as one that is starting."""
        self._ends_at = time.monotonic() + seconds
        self._waits_for_start = waits_for_start

    def call(self, method: Callable[..., ResultT], **arguments: Any) -> ResultT:
        """The method's response. Raises ClientError and BotoCoreError."""
        for attempt in stamina.retry_context(
            on=self._is_temporary,
            attempts=None,
            timeout=max(self._ends_at - time.monotonic(), 0.001),
            wait_initial=FIRST_PAUSE_SECONDS,
            wait_max=LONGEST_PAUSE_SECONDS,
            wait_jitter=JITTER_SECONDS,
        ):
            with attempt:
                return method(**arguments)
        raise AssertionError("unreachable")  # the last try raises or returns

    def _is_temporary(self, error: Exception) -> bool:
        if isinstance(error, BotoConnectionError):
            return self._waits_for_start
        return isinstance(error, NotYetError | HTTPClientError) or is_busy(error)


def is_busy(error: Exception) -> bool:
    """Whether DynamoDB responded that the same call can succeed later."""
    return isinstance(error, ClientError) and (code_of(error) in TEMPORARY_CODES or is_internal(error))
