import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from lea_payments.store.dynamodb import code_of, with_remedy
from lea_payments.store.errors import UnavailableError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"), "ThrottlingException"),
        (ClientError({}, "GetItem"), "unknown"),
        (ReadTimeoutError(endpoint_url="http://localhost:1"), "ReadTimeoutError"),
    ],
    ids=["dynamodb", "without a code", "botocore"],
)
def test_every_error_has_a_code(error: ClientError | BotoCoreError, code: str) -> None:
    assert code_of(error) == code


def test_a_command_says_once_what_to_do_about_the_table() -> None:
    refused = UnavailableError("DynamoDB cannot be reached: it refuses the connection: check DDB_ENDPOINT")

    assert with_remedy(refused) == str(refused)
    assert with_remedy(UnavailableError("DynamoDB rejected the call: X")).endswith("and whether the table exists")
