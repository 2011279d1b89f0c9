"""Makes batch calls to a server of the test, and keeps what their callbacks got."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from lea_payments.store.batch.call import BatchCall
from tests.support.raw_server import http

REGION = "ap-southeast-1"
STATEMENTS = [('UPDATE "t" SET a=? WHERE payment_intent_id=?', [{"S": "ü"}, {"S": "payment_1"}])]
BODY = b'{"Responses":[{"TableName":"t"}]}'
RESPONSES = [{"TableName": "t"}]
OK = http(BODY)
Result = list[dict[str, Any]] | BotoCoreError | ClientError


def session(trusted: Path | None = None) -> Session:
    """A session with dummy credentials that trusts these certificate authorities."""
    result = Session()
    result.set_credentials("key", "secret", "token")
    if trusted is not None:
        result.set_config_variable("ca_bundle", str(trusted))
    return result


@asynccontextmanager
async def batch_call(url: str, using: Session | None = None) -> AsyncIterator[BatchCall]:
    """The batch call to a URL."""
    call = BatchCall(url, REGION, using or session())
    try:
        yield call
    finally:
        await call.close()


async def result_of(call: BatchCall) -> Result:
    """The responses or the error of one call."""
    try:
        return await call(STATEMENTS)
    except (BotoCoreError, ClientError) as error:
        return error


class Results:
    """Keeps what the callback of each call got."""

    def __init__(self) -> None:
        self.all: list[Result] = []
        self._has_changed = asyncio.Event()

    def __call__(self, result: Result) -> None:
        self.all.append(result)
        self._has_changed.set()

    async def wait_for(self, count: int) -> list[Result]:
        """The results, as soon as there are so many."""
        while len(self.all) < count:
            self._has_changed.clear()
            await self._has_changed.wait()
        return self.all

    @property
    def errors(self) -> list[str]:
        """The names of the errors."""
        return [type(each).__name__ for each in self.all if not isinstance(each, list)]
