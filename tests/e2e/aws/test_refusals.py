"""Checks that the stand-in for AWS refuses what AWS refuses; needs no cluster."""

import json
from collections.abc import Mapping

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from tests.e2e.aws import objects, tokens
from tests.e2e.aws.authorization import check_allowed
from tests.e2e.aws.credentials import ANNOUNCED_SECONDS, VALID_SECONDS, CallError, Issued, Issuer

URL = f"https://{objects.HOSTS[0]}/"
ROLE = objects.role("pages")
BODY = json.dumps({"TableName": "payments"}).encode()


def _headers(issued: Issued) -> Mapping[str, str]:
    """The headers of a call that botocore has signed."""
    request = AWSRequest("POST", URL, {"X-Amz-Target": "DynamoDB_20120810.GetItem"}, BODY)
    SigV4Auth(issued.credentials, "dynamodb", objects.REGION).add_auth(request)
    return {**request.headers, "Host": objects.HOSTS[0]}


def test_a_signed_call_has_the_role_of_its_credentials() -> None:
    issuer = Issuer(objects.REGION)
    issued = issuer.issue(ROLE, 0)

    role = issuer.role_of("POST", URL, _headers(issued), BODY, now=VALID_SECONDS - 1)

    assert role == ROLE
    assert ANNOUNCED_SECONDS > VALID_SECONDS


@pytest.mark.parametrize(
    ("changes", "body", "now", "code"),
    [
        ({}, BODY, VALID_SECONDS, "ExpiredTokenException"),
        ({}, b"{}", 1, "InvalidSignatureException"),
        ({"X-Amz-Target": "DynamoDB_20120810.PutItem"}, BODY, 1, "InvalidSignatureException"),
        ({"X-Amz-Security-Token": "other"}, BODY, 1, "UnrecognizedClientException"),
        ({"Authorization": ""}, BODY, 1, "MissingAuthenticationTokenException"),
    ],
    ids=["expired", "other body", "other action", "other token", "unsigned"],
)
def test_an_invalid_call_is_refused(changes: Mapping[str, str], body: bytes, now: float, code: str) -> None:
    issuer = Issuer(objects.REGION)
    headers = {**_headers(issuer.issue(ROLE, 0)), **changes}

    with pytest.raises(CallError) as refusal:
        issuer.role_of("POST", URL, headers, body, now)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("PutItem", {}),
        ("GetItem", {"IndexName": "user_id-index"}),
        ("BatchExecuteStatement", {"Statements": [{"Statement": 'UPDATE "payments" SET x = 1'}]}),
        ("ExecuteStatement", {"Statement": 'SELECT * FROM "payments"'}),
    ],
    ids=["another action", "an index", "a batch", "PartiQL"],
)
def test_an_action_outside_the_policy_is_refused(operation: str, call: Mapping[str, object]) -> None:
    policies = {ROLE: {"table": ["GetItem"], "indexes": ["Query"]}}

    with pytest.raises(CallError, match="is not authorized to perform"):
        check_allowed(ROLE, operation, json.dumps(call).encode(), policies)
    assert check_allowed(ROLE, "GetItem", b"{}", policies) == ["GetItem"]


def test_a_token_of_another_issuer_gets_no_credentials() -> None:
    call = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": ROLE, "WebIdentityToken": "e30.e30.e30"}

    with pytest.raises(tokens.TokenError) as refusal:
        tokens.trusted_subject(call, {"keys": []}, {}, 0)

    assert refusal.value.code == "InvalidIdentityToken"
