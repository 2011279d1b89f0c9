import os
from pathlib import Path
from unittest import mock

import pytest
import requests
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.outbound.way import (
    AWS_CA_FILES,
    CA_FILES,
    authorities,
    ca_file,
    problems,
    proxy_for,
    tls_context,
)

AWS, PROXY = "https://dynamodb.ap-southeast-1.amazonaws.com", "http://proxy.infra:3128"


def _address(url: str, **environment: str) -> str | None:
    proxy = proxy_for(url, environment)
    return proxy and proxy.address


@pytest.mark.parametrize(
    ("url", "environment", "address"),
    [
        (AWS, {"HTTPS_PROXY": PROXY}, PROXY),
        (AWS, {"https_proxy": PROXY}, PROXY),
        (AWS, {"HTTPS_PROXY": "http://other:1", "https_proxy": PROXY}, PROXY),
        (AWS, {"HTTPS_PROXY": PROXY, "https_proxy": ""}, None),
        (AWS, {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None),
        (AWS, {"HTTPS_PROXY": f" {PROXY}/\n"}, PROXY),
        ("http://dynamodb:8000", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://dynamodb:8000", {"HTTPS_PROXY": PROXY}, None),
        (AWS, {"HTTPS_PROXY": "proxy.infra:3128"}, PROXY),
        (AWS, {"HTTPS_PROXY": "//proxy.infra:3128"}, PROXY),
        (AWS, {"HTTPS_PROXY": "http://proxy.infra"}, "http://proxy.infra:80"),
        (AWS, {"HTTPS_PROXY": "https://proxy.infra"}, "https://proxy.infra:443"),
        (AWS, {"HTTPS_PROXY": "http://[fd00::3]:3128"}, "http://[fd00::3]:3128"),
    ],
)
def test_the_variable_of_the_scheme_names_the_proxy(url: str, environment: dict[str, str], address: str | None) -> None:
    assert _address(url, **environment) == address


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_direct"),
    [
        ("dynamodb", "*", True),
        ("dynamodb", "dynamodb", True),
        ("DynamoDB", "dynamodb", True),
        ("dynamodb", "dynamodb:8000", True),
        ("dynamodb", "dynamodb:8001", False),
        ("a.svc", " other , .svc", True),
        ("a.svc", "svc", True),
        ("asvc", "svc", False),
        ("svc.a", "svc", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.0.0.0/8:8000", False),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:8000", True),
        ("[fd00::1]", "fd00::/8", True),
        ("[fd00::1]", "[fd00::1]", True),
        ("[fd00::1]", "[fd00::1]:8000", True),
        ("[fd00::1]", "[fd00::1]:1", False),
        ("[::1]", "::1", True),
        ("[::1]", "127.0.0.1,,not an address", False),
        ("dynamodb", "10.0.0.0/8", False),
    ],
)
def test_no_proxy_names_hosts_domains_networks_and_ports(host: str, no_proxy: str, *, is_direct: bool) -> None:
    address = _address(f"http://{host}:8000/", HTTP_PROXY=PROXY, NO_PROXY=no_proxy)

    assert (address is None) == is_direct


_NAMES = st.sampled_from(["a", "b.a", "c.b.a", "ba", "A", "sts.amazonaws.com", "amazonaws.com", ".a", "*", "", "a:443"])


@given(host=_NAMES.filter(lambda name: name.strip("*.").isascii() and name[:1].isalnum()), entries=st.lists(_NAMES))
def test_host_names_have_the_rule_of_boto3(host: str, entries: list[str]) -> None:
    """boto3's own client for STS reads the environment itself."""
    environment = {"https_proxy": PROXY, "no_proxy": ",".join(entries)}
    with mock.patch.dict(os.environ, environment, clear=True):
        of_boto3 = get_environ_proxies(f"https://{host}").get("https")

    assert _address(f"https://{host}", **environment) == of_boto3


def test_a_password_is_decoded_and_not_part_of_the_address() -> None:
    proxy = proxy_for(AWS, {"HTTPS_PROXY": "http://lea:p%40ss@proxy:3128"})

    assert proxy is not None
    assert (proxy.url, proxy.address) == ("http://lea:p%40ss@proxy:3128", "http://proxy:3128")
    assert proxy.headers == {"Proxy-Authorization": "Basic bGVhOnBAc3M="}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("socks5://proxy:1080", "not the URL of an HTTP proxy"),
        ("http://", "names no host"),
        ("http://:3128", "names no host"),
        ("http://pro xy:3128", "names no host"),
        ("http://proxy:port", "port is not a number"),
        ("http://lea:Geheim#9@proxy:3128", "# is %23"),
        ("http://proxy:99999", "port is not a number"),
        ("http://[::1", "cannot be read as a URL"),
        ("http://lea:Geheimnüs@proxy", "percent-encoding"),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy"])
def test_an_invalid_proxy_is_named_with_a_remedy(name: str, text: str, problem: str) -> None:
    [message] = problems({name: text})

    assert message.startswith(f"{name}: ")
    assert problem in message
    assert message.endswith(
        "; set it to a URL such as http://proxy.example:3128, or http://user:password@proxy.example:3128"
    )
    assert "Geheim" not in message


def test_valid_variables_have_no_problems() -> None:
    assert [*problems({"HTTPS_PROXY": PROXY, "http_proxy": "", "SSL_CERT_FILE": " "})] == []


@pytest.mark.parametrize("name", CA_FILES)
@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["missing", "empty", "text"])
def test_a_file_without_certificates_is_a_problem(tmp_path: Path, name: str, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    [message] = problems({name: str(path)})

    assert message.startswith(f"{name}: {path} cannot be used (")
    assert message.endswith("set it to a file of certificates in PEM")


def test_aws_has_its_own_variable_for_certificates() -> None:
    environment = {"AWS_CA_BUNDLE": "/aws.pem", "REQUESTS_CA_BUNDLE": "/all.pem"}

    assert (ca_file(AWS_CA_FILES, environment), ca_file(CA_FILES, environment)) == ("/aws.pem", "/all.pem")
    assert ca_file(environment={"AWS_CA_BUNDLE": "/aws.pem", "SSL_CERT_FILE": ""}) == "/aws.pem"
    assert ca_file(environment={}) is None


def test_without_a_variable_all_clients_trust_one_store() -> None:
    assert authorities(environment={}) == get_cert_path(verify=True) == requests.utils.DEFAULT_CA_BUNDLE_PATH
    assert authorities(environment={"SSL_CERT_FILE": "/all.pem"}) == "/all.pem"
    assert tls_context().get_ca_certs()
