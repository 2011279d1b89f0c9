"""Claim: a batch call has the signature that botocore gives it."""

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from lea_payments.store.batch_call import Signer
from tests.support.examples import examples

DAYS = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)).map(lambda time: time.replace(microsecond=0))  # noqa: DTZ001 - UTC
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
KEYS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+=", min_size=1, max_size=60)
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    NAMES.map(lambda name: f"d{name}z.example"),
    st.sampled_from(["", ":80", ":443", ":8000"]),
    st.sampled_from(["", "/", "/dynamodb", "/a/b/"]),
)
Headers = dict[str, str]
Call = tuple[datetime, bytes, ReadOnlyCredentials]
CALLS = st.lists(
    st.tuples(DAYS, st.binary(max_size=200), st.builds(ReadOnlyCredentials, KEYS, KEYS, st.none() | KEYS)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=examples(50, 1000))
@given(URLS, NAMES, CALLS)
def test_the_signature_is_that_of_botocore(url: str, region: str, calls: list[Call]) -> None:
    """Several calls with one signer: another day, or another key, needs another signing key."""
    parsed = URL(url)
    signer = Signer(parsed, region)

    for day, body, credentials in calls:
        headers = signer.headers(body, credentials, day.replace(tzinfo=UTC).timestamp())

        assert headers["authorization"] == _by_botocore(str(parsed), region, headers, body, credentials)


def _by_botocore(url: str, region: str, headers: Headers, body: bytes, credentials: ReadOnlyCredentials) -> str:
    unsigned = {name: value for name, value in headers.items() if name != "authorization"}
    request = AWSRequest("POST", url, unsigned, body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(credentials, "dynamodb", region)
    names = signer.signed_headers(signer.headers_to_sign(request))
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"
