"""Claim: a batch call has the signature that botocore gives it."""

from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from lea_payments.store.batch.signing import Signer
from tests.support.examples import examples

TIMES = st.integers(0, int(datetime(2099, 1, 1, tzinfo=UTC).timestamp()))
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
KEYS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+=", min_size=1, max_size=60)
HOSTS = st.one_of(
    NAMES.map(lambda name: f"d{name}z.example"),
    NAMES.map(lambda name: f"D{name.upper()}Z.Example"),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
PATHS = st.one_of(
    st.sampled_from(["", "/", "//", "/dynamodb", "/a/b/", "/a/../b", "/a/./b//c", "/%C3%BC", "/a~b", "/a%2Fb"]),
    st.text("ab/.~-_%20", max_size=12).map(lambda path: f"/{path}"),
)
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    HOSTS,
    st.sampled_from(["", ":80", ":443", ":8000"]),
    PATHS,
)
Call = tuple[int, bytes, ReadOnlyCredentials]
CALLS = st.lists(
    st.tuples(TIMES, st.binary(max_size=200), st.builds(ReadOnlyCredentials, KEYS, KEYS, st.none() | KEYS)),
    min_size=1,
    max_size=5,
)
KEY = ReadOnlyCredentials("key", "secret", None)


class _Sent(NamedTuple):
    """The parts of a request."""

    line: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, request: bytes) -> "_Sent":
        head, _, body = request.partition(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        return cls(line, dict(each.split(": ", 1) for each in lines), body)


@settings(max_examples=examples(100, 3000))
@given(URLS, NAMES, CALLS)
def test_the_signature_is_that_of_botocore(url: str, region: str, calls: list[Call]) -> None:
    """Several calls with one signer: another time, or other credentials, need another key or text."""
    signer = Signer(url, region)

    for now, body, credentials in [*calls, *calls]:
        sent = _Sent.of(signer.request(body, credentials, now + 0.9))

        assert sent.body == body
        assert sent.headers["content-length"] == str(len(body))
        assert sent.headers["x-amz-date"] == datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        assert sent.headers["authorization"] == _by_botocore(url, region, sent, credentials)


def _by_botocore(url: str, region: str, sent: _Sent, credentials: ReadOnlyCredentials) -> str:
    """The signature for the URL, and so for the host that botocore derives from it."""
    not_signed = ("authorization", "content-length", "user-agent", "host")
    unsigned = {name: value for name, value in sent.headers.items() if name not in not_signed}
    request = AWSRequest("POST", url, unsigned, sent.body)
    request.context["timestamp"] = sent.headers["x-amz-date"]
    signer = SigV4Auth(credentials, "dynamodb", region)
    names = signer.signed_headers(signer.headers_to_sign(request))
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"


@pytest.mark.parametrize(
    ("is_absolute", "line"), [(False, "POST /a/b HTTP/1.1"), (True, "POST http://host:8000/a/b HTTP/1.1")]
)
def test_a_request_for_a_proxy_names_the_complete_url(is_absolute: bool, line: str) -> None:
    signer = Signer("http://host:8000/a/b", "region", {"Proxy-Authorization": "Basic x"}, is_absolute=is_absolute)

    sent = _Sent.of(signer.request(b"{}", KEY, 0))

    assert (sent.line, sent.headers["host"], sent.headers["Proxy-Authorization"]) == (line, "host:8000", "Basic x")
    assert "proxy" not in sent.headers["authorization"]


@pytest.mark.parametrize(
    "credentials",
    [KEY._replace(token="token\n"), KEY._replace(access_key="key\r\nhost: other"), KEY._replace(token="\0")],
)
def test_credentials_that_are_no_header_are_refused(credentials: ReadOnlyCredentials) -> None:
    with pytest.raises(ValueError, match="remove it"):
        Signer("http://host", "region").request(b"{}", credentials, 0)
