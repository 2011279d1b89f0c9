"""DynamoDB Local as if it were AWS's own: reached without DDB_ENDPOINT, and with backups, which it lacks."""

import json

from tests.support.faulty_dynamodb import Answer, Fault, FaultyDynamoDB


def as_aws(dynamodb: FaultyDynamoDB) -> dict[str, str]:
    """The environment that sends the AWS client to the proxy."""
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    return keys | {"DDB_ENDPOINT": "", "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint}


def with_recovery(status: str) -> Fault:
    """Answers for point-in-time recovery as the API reference has it, and hands on all else."""
    body = {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status},
        }
    }
    answer = Answer(200, json.dumps(body).encode())
    operations = ("DescribeContinuousBackups", "UpdateContinuousBackups")
    return lambda call, forward: answer if call.operation in operations else forward(call)
