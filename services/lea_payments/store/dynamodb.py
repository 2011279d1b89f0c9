"""Calls DynamoDB without blocking the event loop, measures each call and translates its errors."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.batch_call import BatchCall
from lea_payments.store.errors import UnavailableError, UnreachableError
from lea_payments.store.items import Item
from lea_payments.telemetry import metrics
from lea_payments.telemetry.store_calls import StoreCall, store_operation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

THREADS = 8
DEADLINE_SECONDS = 1.2
"""The time limit for applying one event. The answer must be out within 2 s, and on a busy node a process waits, too."""

OUTCOMES: Mapping[str, str] = {
    "ConditionalCheckFailedException": metrics.REFUSED,
    "ValidationException": metrics.REFUSED,
    **dict.fromkeys(("ThrottlingException", "ThrottlingError", "RequestLimitExceeded"), metrics.THROTTLED),
    **dict.fromkeys(("ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded"), metrics.THROTTLED),
    **dict.fromkeys(("ConditionalCheckFailed", "TransactionConflict"), metrics.OK),
}
"""Outcomes of a call by DynamoDB's code for it or for one of its statements (API reference); other codes are errors.

A false condition of a statement is an ordinary result: it is how duplicates are found.
"""

ResultT = TypeVar("ResultT")


class Written(NamedTuple):
    """The write is done."""


class Blocked(NamedTuple):
    """The condition was false; `current_item` is the item as it is now."""

    current_item: Item


class NotFound(NamedTuple):
    """There is no item with this key."""


class Busy(NamedTuple):
    """The write failed for a temporary reason, so it can be sent again."""

    code: str
    may_be_written: bool = False


class Failed(NamedTuple):
    """The write fails however often it is sent; the other writes of its batch are not affected."""

    error: Exception


WriteResult = Written | Blocked | NotFound | Busy | Failed
_TEMPORARY_CODES = frozenset(
    {
        "TransactionConflict",
        "ThrottlingError",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
        "InternalServerError",
    }
)
"""The codes of BatchStatementError (DynamoDB API reference) after which the same statement can succeed."""


class Dynamodb:
    """boto3's client with its threads, and the batch call, which uses neither."""

    def __init__(self, settings: TableSettings) -> None:
        session = connection.session(settings)
        self.client: DynamoDBClient = connection.client(settings, session)
        self._batch = BatchCall(self.client.meta.endpoint_url, settings.aws_region, session)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")

    async def call(self, operation: str, method: Callable[..., ResultT], **arguments: Any) -> ResultT:
        """The method's response.

        Raises UnavailableError, and ClientError if a condition was false or the request invalid.
        """
        with store_operation(operation) as call:
            in_thread = asyncio.get_running_loop().run_in_executor(self._threads, partial(method, **arguments))
            response = await _translate_errors(in_thread, call)
            call.outcome = metrics.OK
            return response

    async def batch(
        self, operation: str, statements: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
    ) -> list[dict[str, Any]]:
        """One response for each PartiQL statement with its parameters, in order. Raises UnavailableError."""
        with store_operation(operation) as call:
            responses = await _translate_errors(self._batch(statements), call)
            # The worst outcome of a statement is that of the call.
            call.outcome = max(map(_outcome_of, responses), key=metrics.STORE_OUTCOMES.index)
            return responses

    async def close(self) -> None:
        """Closes the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        await self._batch.close()


class Deadline:
    """Sets a deadline, in the loop's time, for its block and turns a TimeoutError there into UnavailableError."""

    __slots__ = ()

    def __enter__(self) -> float:
        return asyncio.get_running_loop().time() + DEADLINE_SECONDS

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, TimeoutError):
            raise UnavailableError(f"no response from DynamoDB within {DEADLINE_SECONDS} s") from None


async def _translate_errors(response: Awaitable[ResultT], call: StoreCall) -> ResultT:
    try:
        return await response
    except ClientError as error:
        call.outcome = OUTCOMES.get(code_of(error), metrics.ERROR)
        if call.outcome == metrics.REFUSED:
            raise
        raise UnavailableError(f"DynamoDB rejected the call: {code_of(error)}") from error
    except BotoCoreError as error:
        raise UnreachableError(f"DynamoDB cannot be reached: {error}") from error


def code_of(error: ClientError | BotoCoreError) -> str:
    """DynamoDB's code for the error, or the name of botocore's if DynamoDB did not respond."""
    if isinstance(error, BotoCoreError):
        return type(error).__name__
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _outcome_of(response: Mapping[str, Any]) -> str:
    return OUTCOMES.get(response["Error"].get("Code", ""), metrics.ERROR) if "Error" in response else metrics.OK


def result_of(response: Mapping[str, Any]) -> WriteResult:
    """DynamoDB's response to one statement of a batch as a result."""
    error = response.get("Error")
    if error is None:
        return Written()
    code = error.get("Code", "")
    if code == "ConditionalCheckFailed":
        # ALL_OLD returns the current item in the error or, as the API reference also allows, beside it.
        current_item = response.get("Item") or error.get("Item")
        return Blocked(current_item) if current_item else NotFound()
    if code in _TEMPORARY_CODES:
        return Busy(code)
    if code == "ResourceNotFound":
        return Failed(UnavailableError("the table does not exist: run lea-payments init-table"))
    return Failed(RuntimeError(f"DynamoDB rejected a statement: {code}: {error.get('Message', '')}"))
