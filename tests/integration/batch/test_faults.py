"""Claim: every fault of the chaos suite has its result, and the call after it works."""

from collections.abc import Mapping, Sequence

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.batch.call import BatchCall
from lea_payments.store.dynamodb import code_of
from lea_payments.store.statements import pings
from tests.chaos.faults import FAULTS
from tests.support.batch_client import REGION
from tests.support.dynamodb_faults import Fault, error_response, first_calls, fixed_response, lost_error
from tests.support.faulty_dynamodb import FaultyDynamoDB

REFUSED = ["ConditionalCheckFailed"] * 2
"""How DynamoDB responds to two statements whose conditions are never true."""

EXPECTED: Mapping[str, str | Sequence[str]] = {
    "healthy": REFUSED,
    "slow by 0.3 s": REFUSED,
    "throttled": "ProvisionedThroughputExceededException",
    "half a batch throttled": ["ThrottlingError", REFUSED[0]],
    "internal error": "InternalServerError",
    "half a batch in conflict": ["TransactionConflict", REFUSED[0]],
    "executed, answered too late": "ReadTimeoutError",
    "healthy again": REFUSED,
    "executed, answer cut off": "ConnectionClosedError",
    "half a batch over its throughput": ["ProvisionedThroughputExceeded", REFUSED[0]],
    "connection closed": "ConnectionClosedError",
}
OTHERS: Mapping[str, tuple[Fault, str]] = {
    "an expired token": (error_response(400, "ExpiredTokenException"), "ExpiredTokenException"),
    "executed, answered as an error": (lost_error(500, "InternalServerError"), "InternalServerError"),
    "the page of a gateway": (fixed_response(502, b"<html>Bad gateway</html>"), "unknown"),
    "the page of a login": (fixed_response(200, b"<html>Please log in</html>"), "IncompleteReadError"),
}
CASES: Mapping[str, tuple[Fault, str | Sequence[str]]] = {
    **{name: (FAULTS[name], expected) for name, expected in EXPECTED.items()},
    **OTHERS,
}


def test_every_fault_has_its_result() -> None:
    assert EXPECTED.keys() == FAULTS.keys()


@pytest.mark.parametrize(("fault", "expected"), CASES.values(), ids=CASES)
async def test_the_call_after_a_fault_works(
    dynamodb: FaultyDynamoDB, table_settings: TableSettings, fault: Fault, expected: str | Sequence[str]
) -> None:
    dynamodb.fault = first_calls(fault)
    call = BatchCall(dynamodb.endpoint, REGION, connection.session(table_settings))
    results = [await _result(call, table_settings.table) for _ in range(3)]
    await call.close()

    assert results == [expected, REFUSED, REFUSED]
    ports = [each.port for each in dynamodb.calls]
    assert ports[1] == ports[2]


async def _result(call: BatchCall, table: str) -> str | list[str]:
    """The code of each statement, or that of the call."""
    write = pings.without_effect(table)
    second = [write.parameters[0], {"S": "another payment"}]
    try:
        responses = await call([(write.text, write.parameters), (write.text, second)])
    except (BotoCoreError, ClientError) as error:
        return code_of(error)
    return [each["Error"]["Code"] for each in responses]
