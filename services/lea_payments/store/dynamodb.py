"""Calls DynamoDB without blocking the event loop, measures each call and translates its errors."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.outbound import failures
from lea_payments.outbound.way import proxy_for
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.batch.call import BatchCall
from lea_payments.store.batch.results import OUTCOMES, WriteResult, results_of
from lea_payments.store.connection import CALL_SECONDS, FIRST_PAUSE_SECONDS, pause_before_next
from lea_payments.store.errors import TemporaryError, UnavailableError
from lea_payments.store.items import Item
from lea_payments.telemetry import metrics
from lea_payments.telemetry.applying import Applying, BatchSpan
from lea_payments.telemetry.store_calls import StoreCall, store_operation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

THREADS = 8

ADDRESS = "DDB_ENDPOINT and AWS_REGION"
"""The settings with the address of DynamoDB."""

ResultT = TypeVar("ResultT")


class Dynamodb:
    """boto3's client with its threads, and the batch call, which uses neither."""

    def __init__(self, settings: TableSettings, call_seconds: float = CALL_SECONDS) -> None:
        self._call_seconds = call_seconds
        session = connection.session(settings)
        self.client: DynamoDBClient = connection.client(settings, session)
        self._batch = BatchCall(self.client.meta.endpoint_url, settings.aws_region, session)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")

    async def call(
        self, operation: str, method: Callable[..., ResultT], *, deadline: float | None = None, **arguments: Any
    ) -> ResultT:
        """The method's response. Repeats a request that failed for a temporary reason until the deadline.

        Raises UnavailableError, and ClientError if a condition was false or the request invalid.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._call_seconds if deadline is None else deadline
        pause = FIRST_PAUSE_SECONDS
        problem = "no response from DynamoDB in time"
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    try:
                        return await self._try(operation, partial(method, **arguments))
                    except TemporaryError as error:
                        problem = str(error)
                        pause = await pause_before_next(pause, deadline, problem)
        except TimeoutError:
            raise UnavailableError(problem) from None

    async def call_once(self, operation: str, method: Callable[..., ResultT], **arguments: Any) -> ResultT:
        """The method's response to a single try. Raises UnavailableError and ClientError."""
        try:
            async with asyncio.timeout(self._call_seconds):
                return await self._try(operation, partial(method, **arguments))
        except TimeoutError:
            raise UnavailableError("no response from DynamoDB in time") from None

    async def query(self, *, limit: int = 0, deadline: float | None = None, **arguments: Any) -> Sequence[Item]:
        """The items of a query: all of them, or the first `limit`. Every query goes through here.

        DynamoDB returns at most 1 MB at a time, and can return a page without items before the last one. Raises
        UnavailableError, and ClientError if there is no such index.
        """
        if limit:
            arguments["Limit"] = limit
        items: list[Item] = []
        while True:
            response = await self.call("query", self.client.query, deadline=deadline, **arguments)
            if "Items" not in response:
                raise UnavailableError("DynamoDB's response is incomplete")
            items += response["Items"]
            position = response.get("LastEvaluatedKey")
            if not position or 0 < limit <= len(items):
                return items[: limit or None]
            if position == arguments.get("ExclusiveStartKey"):
                raise UnavailableError("DynamoDB's query does not end")
            arguments["ExclusiveStartKey"] = position

    async def _try(self, operation: str, request: Callable[[], ResultT]) -> ResultT:
        with store_operation(operation) as call:
            in_thread = asyncio.get_running_loop().run_in_executor(self._threads, request)
            try:
                response = await self._translate_errors(in_thread, call)
            except TemporaryError as error:
                if isinstance(error.__cause__, BotoCoreError):
                    self.client.close()  # closes idle connections: they can be dead, too; the next try opens one
                raise
            call.outcome = metrics.OK
            return response

    def write(
        self,
        statements: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
        applying: Sequence[Applying],
        callback: Callable[[Sequence[WriteResult] | Exception], None],
    ) -> None:
        """Sends PartiQL statements, which apply events, in one call.

        The callback gets one result for each of them, in order, or TemporaryError or UnavailableError.
        """
        self._batch.send(statements, partial(self._finish_write, BatchSpan(applying), callback))

    def _finish_write(
        self,
        call: BatchSpan,
        callback: Callable[[Sequence[WriteResult] | Exception], None],
        responses: Sequence[Mapping[str, Any]] | Exception,
    ) -> None:
        results: Sequence[WriteResult] | Exception
        if isinstance(responses, Exception):
            results, outcome = self._translated(responses)
        else:
            results, outcome = results_of(responses)
        call.ended(outcome)
        callback(results)

    async def _translate_errors(self, response: Awaitable[ResultT], call: StoreCall) -> ResultT:
        try:
            return await response
        except (ClientError, BotoCoreError) as error:
            translated, call.outcome = self._translated(error)
            raise translated from None if translated is error else error

    def _translated(self, error: Exception) -> tuple[Exception, str]:
        """The store's error for one of boto3's, and the outcome of the call."""
        if isinstance(error, BotoCoreError):
            return TemporaryError(problem_of(error, self.client.meta.endpoint_url)), metrics.ERROR
        if not isinstance(error, ClientError):
            return error, metrics.ERROR
        outcome = OUTCOMES.get(code_of(error), metrics.ERROR)
        if outcome == metrics.REFUSED:
            return error, outcome
        kind = TemporaryError if outcome == metrics.THROTTLED or is_internal(error) else UnavailableError
        return kind(problem_of(error, self.client.meta.endpoint_url)), outcome

    async def close(self) -> None:
        """Closes the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        await self._batch.close()


def with_remedy(error: UnavailableError) -> str:
    """The problem of a command that needs the table, and what to do unless the problem says it."""
    problem = str(error)
    return problem if "check " in problem else f"{problem}; check {ADDRESS}, and whether the table exists"


def problem_of(error: ClientError | BotoCoreError, url: str) -> str:
    """Why a call to DynamoDB at this URL failed. If it was not DynamoDB that answered, also what to do."""
    if isinstance(error, BotoCoreError):
        slow = "check the network and the health of DynamoDB"
        return f"DynamoDB cannot be reached: {failures.reason(error, url, settings=ADDRESS, slow=slow) or error}"
    code, status = code_of(error), _status_of(error)
    if code[:1].isupper():
        return f"DynamoDB rejected the call: {code}"
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED or proxy_for(url) is not None:
        return f"DynamoDB cannot be reached: {failures.proxy_reason(url, status)}"
    return f"HTTP {status} is not a response of DynamoDB: check {ADDRESS}"


def is_internal(error: ClientError) -> bool:
    """Whether DynamoDB, or a gateway in front of it, failed. The call may have been executed."""
    return _status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR


def _status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError | BotoCoreError) -> str:
    """DynamoDB's code for the error, or the name of botocore's if DynamoDB did not respond."""
    if isinstance(error, BotoCoreError):
        return type(error).__name__
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def existing_item(error: ClientError) -> Item:
    """The current item in the error of a false condition, empty if there is none. Raises any other error again."""
    if code_of(error) != "ConditionalCheckFailedException":
        raise error
    item: Item = error.response.get("Item", {})  # type: ignore[assignment]
    return item
