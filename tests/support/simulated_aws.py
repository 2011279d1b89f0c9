"""Makes the DynamoDB proxy look like DynamoDB on AWS: no DDB_ENDPOINT, and point-in-time recovery."""

import json

from tests.support.dynamodb_faults import CallResponse, Fault
from tests.support.faulty_dynamodb import FaultyDynamoDB


def aws_environment(dynamodb: FaultyDynamoDB) -> dict[str, str]:
    """The environment variables that send the AWS client to the proxy."""
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    return keys | {"DDB_ENDPOINT": "", "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint}


def recovery_status(status: str) -> Fault:
    """Responds to calls about point-in-time recovery, which DynamoDB Local lacks, and forwards all others."""
    body = {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status},
        }
    }
    response = CallResponse(200, json.dumps(body).encode())
    operations = ("DescribeContinuousBackups", "UpdateContinuousBackups")
    return lambda call, forward: response if call.operation in operations else forward(call)
