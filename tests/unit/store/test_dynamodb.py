import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from lea_payments.store.dynamodb import code_of


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
