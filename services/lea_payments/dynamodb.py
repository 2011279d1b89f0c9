"""One call to DynamoDB at a time, off the event loop, timed, its errors sorted; knows no payment."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments import table, telemetry
from lea_payments.batch_call import BatchCall
from lea_payments.settings import TableSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

THREADS = 8
ResultT = TypeVar("ResultT")


class Unavailable(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when the table cannot be reached, is too busy or too slow; nothing is known to be written.

    Unavailable
    └── Unreachable
    """


class Unreachable(Unavailable):
    """Raised when no answer came: what was sent may have been done all the same, and another try may get through."""


class Dynamodb:
    """A client and its threads."""

    def __init__(self, settings: TableSettings) -> None:
        session = table.session(settings)
        self.client: DynamoDBClient = table.client(settings, session)
        self._batch = BatchCall(self.client.meta.endpoint_url, settings.aws_region, session)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")

    async def call(self, operation: str, method: Callable[..., ResultT], **arguments: Any) -> ResultT:
        """The method's answer; raises Unavailable, and ClientError only for refusals that mean something."""
        loop = asyncio.get_running_loop()
        with telemetry.store_operation(operation):
            try:
                return await loop.run_in_executor(self._threads, partial(method, **arguments))
            except ClientError as error:
                if code_of(error) in ("ConditionalCheckFailedException", "ValidationException"):
                    raise
                raise Unavailable(f"DynamoDB refused: {code_of(error)}") from error
            except BotoCoreError as error:
                raise Unreachable(f"DynamoDB cannot be reached: {error}") from error

    async def batch(
        self, operation: str, statements: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
    ) -> list[dict[str, Any]]:
        """One response for each PartiQL statement with its parameters; raises Unavailable."""
        return await self.call(operation, self._batch, statements=statements)

    def close(self) -> None:
        """Lets go of the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        self._batch.close()


def code_of(error: ClientError) -> str:
    """DynamoDB's name for what is wrong."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))
