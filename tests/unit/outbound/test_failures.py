import socket
import ssl

import pytest
import requests
from botocore.exceptions import HTTPClientError

from lea_payments.outbound.failures import proxy_reason, reason
from lea_payments.outbound.http_client import ProxyError

URL = "https://dynamodb.ap-southeast-1.amazonaws.com"


def _reason(error: BaseException, url: str = URL) -> str | None:
    return reason(error, url, settings="DDB_ENDPOINT", slow="check its health")


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (socket.gaierror("no such name"), "check DNS, DDB_ENDPOINT and HTTPS_PROXY"),
        (ssl.SSLCertVerificationError("self-signed"), "check DDB_ENDPOINT and AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE"),
        (requests.ConnectTimeout(), "check the network policy, the firewall and HTTPS_PROXY"),
        (TimeoutError(), "it does not respond in time: check its health"),
        (ConnectionRefusedError(), "it refuses the connection: check DDB_ENDPOINT"),
    ],
)
def test_the_reason_is_the_exception_inside_of_boto3s(cause: Exception, text: str) -> None:
    assert str(_reason(HTTPClientError(error=cause))).endswith(text)


def test_a_proxy_on_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://lea:Geheim@proxy:3128")

    assert str(_reason(TimeoutError())).endswith("check its health (through the proxy http://proxy:3128)")


def test_an_unknown_exception_has_no_reason() -> None:
    assert _reason(RuntimeError("strange")) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Tunnel connection failed: 403 Forbidden", "(HTTP 403): allow dynamodb.ap-southeast-1.amazonaws.com there"),
        ("Tunnel connection failed: 407 Proxy Authentication Required", "requires a user and password (HTTP 407)"),
        ("[Errno 111] Connection refused", "cannot be reached: check HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_does_not_connect_is_the_reason(monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    monkeypatch.setenv("https_proxy", "http://lea:Geheim@proxy:3128")
    error = requests.exceptions.ProxyError("Cannot connect to proxy.", OSError(text))

    assert str(_reason(error)).startswith("the proxy http://proxy:3128 ")
    assert says in str(_reason(error))


def test_a_status_in_an_attribute_counts() -> None:
    assert "(HTTP 502)" in str(_reason(ProxyError("502 Bad Gateway")))


def test_each_address_of_a_server_can_be_the_reason() -> None:
    error = ExceptionGroup("of two addresses", [ConnectionRefusedError(), OSError("no route")])

    assert _reason(error) == "it refuses the connection: check DDB_ENDPOINT"


def test_the_url_of_a_request_is_in_its_exception() -> None:
    request = requests.Request("GET", "https://api.stripe.com/v1/events").prepare()
    error = requests.exceptions.ProxyError(OSError("Tunnel connection failed: 403 Forbidden"), request=request)

    assert "allow api.stripe.com there" in str(_reason(error, ""))


def test_a_proxy_without_a_variable_is_named_without_its_address() -> None:
    assert proxy_reason("", None) == "the proxy cannot be reached: check HTTPS_PROXY and the network policy"


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment has no proxy before a test sets one."""
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
