"""Writes a batch over a proxy that fails, and compares the result and the outcome that is counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from botocore.exceptions import ClientError
from prometheus_client import REGISTRY

from lea_payments.settings import TableSettings
from lea_payments.store.dynamodb import Dynamodb, NotFound, WriteResult
from lea_payments.store.errors import TemporaryError, UnavailableError
from lea_payments.store.statements import pings
from lea_payments.telemetry import metrics
from lea_payments.telemetry.applying import NO_TRACE, Applying
from tests.support import dynamodb_faults as faults
from tests.support.dynamodb_faults import Fault
from tests.support.faulty_dynamodb import FaultyDynamoDB

CASES: dict[str, tuple[Fault, type[Exception], str]] = {
    "internal error": (faults.error_response(500, "InternalServerError"), TemporaryError, metrics.ERROR),
    "lost response": (faults.lost_error(503, "ServiceUnavailable"), TemporaryError, metrics.ERROR),
    "closed connection": (faults.closed_connection, TemporaryError, metrics.ERROR),
    "cut response": (faults.truncated_response, TemporaryError, metrics.ERROR),
    "throttled": (faults.error_response(400, "ThrottlingException"), TemporaryError, metrics.THROTTLED),
    "no permission": (faults.error_response(400, "AccessDeniedException"), UnavailableError, metrics.ERROR),
    "invalid": (faults.error_response(400, "ValidationException"), ClientError, metrics.REFUSED),
    "not JSON": (faults.fixed_response(200, b"<html>"), TemporaryError, metrics.ERROR),
    "too few responses": (faults.fixed_response(200, b'{"Responses":[]}'), TemporaryError, metrics.ERROR),
    "odd response": (faults.fixed_response(200, b'{"Responses":[{"Error":[]}]}'), AttributeError, metrics.ERROR),
}


@pytest.fixture
async def behind_proxy(table_settings: TableSettings, proxy: FaultyDynamoDB) -> AsyncIterator[Dynamodb]:
    """Yield a client whose calls pass the proxy."""
    client = Dynamodb(table_settings.model_copy(update={"ddb_endpoint": proxy.endpoint}))
    yield client
    await client.close()


async def _written(client: Dynamodb, table: str) -> Sequence[WriteResult] | Exception:
    """What the callback gets, which comes once and after the call."""
    results: list[Sequence[WriteResult] | Exception] = []
    has_result = asyncio.Event()

    def callback(result: Sequence[WriteResult] | Exception) -> None:
        results.append(result)
        has_result.set()

    update = pings.without_effect(table)
    client.write([(update.text, update.parameters)], [Applying(NO_TRACE)], callback)
    assert results == []
    await has_result.wait()
    [result] = results
    return result


def _calls(outcome: str) -> float:
    labels = {"operation": "apply", "outcome": outcome}
    return REGISTRY.get_sample_value("payments_store_operations_total", labels) or 0


@pytest.mark.parametrize(("fault", "error", "outcome"), CASES.values(), ids=CASES)
async def test_each_failure_has_its_error_and_outcome(
    behind_proxy: Dynamodb,
    dynamodb: FaultyDynamoDB,
    table_settings: TableSettings,
    fault: Fault,
    error: type[Exception],
    outcome: str,
) -> None:
    dynamodb.fault = fault
    before = _calls(outcome)

    result = await _written(behind_proxy, table_settings.table)

    assert type(result) is error
    assert _calls(outcome) - before == 1


@pytest.mark.usefixtures("dynamodb")
async def test_a_false_condition_is_a_result(behind_proxy: Dynamodb, table_settings: TableSettings) -> None:
    before = _calls(metrics.OK)

    result = await _written(behind_proxy, table_settings.table)

    assert isinstance(result, list)
    assert list(map(type, result)) == [NotFound]
    assert _calls(metrics.OK) - before == 1
