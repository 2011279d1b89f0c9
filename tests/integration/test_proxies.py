"""Sends the calls of the services through a forward proxy, over TLS and without it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import stripe

from lea_payments.outbound.way import CA_FILES
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.client import client, unavailable_reason
from tests.support import plain_http, stripe_bodies
from tests.support.command_line import CheckCommand
from tests.support.connect_proxy import ConnectProxy
from tests.support.http_server import BackgroundServer
from tests.support.otlp_sink import OtlpSink
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET
from tests.support.tls_proxy import create_certificate
from tests.support.webhook_delivery import Delivery

HOST = "dynamodb.ap-southeast-1.amazonaws.com"
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true"}
DEAD = "http://127.0.0.1:9"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", *CA_FILES)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_certificate(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture(scope="module")
def to_aws(certificate: Path, dynamodb_endpoint: str) -> Iterator[ConnectProxy]:
    """A proxy that is the only way to DynamoDB on AWS, whose certificate is signed by a CA of its own."""
    with ConnectProxy(dynamodb_endpoint, certificate) as proxy:
        yield proxy


@pytest.fixture
def through(to_aws: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectProxy]:
    """The same for one test, in an environment without other proxies."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    to_aws.requests.clear()
    yield to_aws
    to_aws.credentials, to_aws.refusal = "", None


@asynccontextmanager
async def _store(settings: TableSettings, endpoint: str = "") -> AsyncIterator[PaymentStore]:
    async with PaymentStore(settings.model_copy(update={"ddb_endpoint": endpoint})) as store:
        yield store


async def _read_and_write(store: PaymentStore) -> None:
    """A read and a batch. A ping has 2 s, which a busy machine can exceed."""
    for ping in (store.ping, store.ping_events):
        for tries_left in reversed(range(20)):
            try:
                await ping()
            except UnavailableError:
                if not tries_left:
                    raise
            else:
                break


async def _problem(settings: TableSettings, endpoint: str = "") -> set[str]:
    """What a read and a batch say about a table that cannot be reached."""
    problems = set()
    async with _store(settings, endpoint) as store:
        for ping in (store.ping, store.ping_events):
            for _ in range(20):  # a ping has 2 s, which a busy machine can exceed
                with pytest.raises(UnavailableError) as raised:
                    await ping()
                if problem := str(raised.value).partition("DynamoDB cannot be reached: ")[2]:
                    problems.add(problem)
                    break
    return problems


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("credentials", ["", "lea:word"], ids=["open", "with a password"])
async def test_reads_and_batches_use_the_same_tunnel(
    monkeypatch: pytest.MonkeyPatch,
    through: ConnectProxy,
    certificate: Path,
    table_settings: TableSettings,
    variable: str,
    credentials: str,
) -> None:
    through.credentials = credentials
    monkeypatch.setenv("HTTPS_PROXY", through.url)
    monkeypatch.setenv(variable, str(certificate))
    async with _store(table_settings) as store:
        await _read_and_write(store)

    assert set(through.requests) == {f"CONNECT {HOST}:443"}


async def test_a_plain_endpoint_is_reached_through_its_proxy(
    monkeypatch: pytest.MonkeyPatch, through: ConnectProxy, table_settings: TableSettings
) -> None:
    through.credentials = "lea:word"
    monkeypatch.setenv("http_proxy", through.url)
    async with _store(table_settings, table_settings.ddb_endpoint) as store:
        await _read_and_write(store)

    assert {each.rstrip("/") for each in through.requests} == {f"POST {table_settings.ddb_endpoint}"}


@pytest.mark.parametrize("no_proxy", ["*", "127.0.0.1", "127.0.0.0/8", "a,127.0.0.1:{port}"])
async def test_a_host_in_no_proxy_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, through: ConnectProxy, table_settings: TableSettings, no_proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", no_proxy.format(port=table_settings.ddb_endpoint.rpartition(":")[2]))
    async with _store(table_settings, table_settings.ddb_endpoint) as store:
        await _read_and_write(store)

    assert through.requests == []


@pytest.mark.parametrize(
    ("credentials", "refusal", "says"),
    [
        ("", 403, f"(HTTP 403): allow {HOST} there, or add it to NO_PROXY"),
        ("lea:word", None, "user and password (HTTP 407)"),
    ],
    ids=["forbidden", "no password"],
)
async def test_a_proxy_that_refuses_is_named(
    monkeypatch: pytest.MonkeyPatch,
    through: ConnectProxy,
    table_settings: TableSettings,
    credentials: str,
    refusal: int | None,
    says: str,
) -> None:
    through.credentials, through.refusal = credentials, refusal
    monkeypatch.setenv("HTTPS_PROXY", f"http://{through.address}")
    problems = await _problem(table_settings)

    assert len(problems) == 1
    assert all(f"the proxy http://{through.address} " in each and says in each for each in problems)


@pytest.mark.parametrize("refusal", [403, 407])
async def test_a_refusal_without_a_tunnel_is_named(
    monkeypatch: pytest.MonkeyPatch, through: ConnectProxy, table_settings: TableSettings, refusal: int
) -> None:
    through.refusal = refusal
    monkeypatch.setenv("HTTP_PROXY", through.url)
    problems = await _problem(table_settings, table_settings.ddb_endpoint)

    assert [each.partition(" (HTTP")[2].partition(")")[0].strip() for each in problems] == [str(refusal)]


@pytest.mark.usefixtures("through")
async def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch, table_settings: TableSettings) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://lea:Geheim@127.0.0.1:9")
    problems = await _problem(table_settings)

    assert problems == {f"the proxy {DEAD} cannot be reached: check HTTPS_PROXY and the network policy"}


async def test_a_proxy_that_inspects_tls_is_named(
    monkeypatch: pytest.MonkeyPatch, through: ConnectProxy, table_settings: TableSettings
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", through.url)
    problems = await _problem(table_settings)

    remedy = "check DDB_ENDPOINT, AWS_REGION and AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE"
    assert problems == {f"its certificate is not trusted: {remedy} (through the proxy {through.url})"}


def _aws(proxy: ConnectProxy, certificate: Path) -> dict[str, str]:
    """The variables of a service whose only way out is this proxy."""
    return {**KEYS, "DDB_ENDPOINT": "", "HTTPS_PROXY": proxy.url, "AWS_CA_BUNDLE": str(certificate)}


def test_a_ready_webhook_writes_through_the_proxy(
    through: ConnectProxy, certificate: Path, start: Callable[..., Process], records: Records
) -> None:
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **_aws(through, certificate))
    payment_id = records.put()
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as client:
        answer = Delivery.of(stripe_bodies.completed(payment_id)).to(client)

    assert (answer.status, answer.outcome) == (200, "applied")
    assert records.get(payment_id).payment_status == "completed"


def test_check_takes_the_way_of_a_delivery(
    through: ConnectProxy, certificate: Path, tmp_path: Path, table_settings: TableSettings
) -> None:
    check = CheckCommand(tmp_path, table_settings)
    good = check(STRIPE_WEBHOOK_SECRET=SECRET, **_aws(through, certificate))
    through.refusal = 403
    bad = check(STRIPE_WEBHOOK_SECRET=SECRET, **_aws(through, certificate))

    assert ("ok", "allowed: GetItem, Query, PartiQLUpdate") in good.of("permissions")
    assert f"allow {HOST} there" in bad.wrong()[0]["remedy"]


def test_an_invalid_proxy_is_a_settings_error(tmp_path: Path, table_settings: TableSettings) -> None:
    report = CheckCommand(tmp_path, table_settings)(HTTPS_PROXY="socks5://proxy:1080")

    assert [each["says"].partition(": ")[0] for each in report.wrong()] == ["HTTPS_PROXY"]


STS = "sts.ap-southeast-1.amazonaws.com"
ASSUMED = b"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>of-the-role</AccessKeyId><SecretAccessKey>b</SecretAccessKey>
<SessionToken>c</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


class _StsHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(ASSUMED)))
        self.end_headers()
        self.wfile.write(ASSUMED)

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


@pytest.mark.usefixtures("through")
@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_credentials_of_a_role_come_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table_settings: TableSettings, variable: str
) -> None:
    certificate = create_certificate(tmp_path, STS)
    (tmp_path / "token").write_text("token")
    sts = ThreadingHTTPServer(("127.0.0.1", 0), _StsHandler)
    with BackgroundServer(sts), ConnectProxy(f"http://127.0.0.1:{sts.server_port}", certificate) as proxy:
        for name in KEYS:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/lea")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-1")
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv(variable, str(certificate))
        credentials = connection.session(table_settings.model_copy(update={"ddb_endpoint": ""})).get_credentials()

        assert credentials is not None
        assert credentials.get_frozen_credentials().access_key == "of-the-role"
    assert proxy.requests == [f"CONNECT {STS}:443"]


def _error_of(base: str) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as raised:
        client("sk_test_OfNobody", base, read_seconds=2).raw_request("get", "/v1/events")
    return raised.value


def test_stripe_is_reached_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, through: ConnectProxy, certificate: Path
) -> None:
    """DynamoDB answers at the end of the tunnel: any HTTP answer proves that the certificate is trusted."""
    monkeypatch.setenv("HTTPS_PROXY", through.url)
    untrusted = unavailable_reason(_error_of(f"https://{HOST}"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    error = _error_of(f"https://{HOST}")

    assert "its certificate is not trusted: check STRIPE_API_BASE and AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE" in untrusted
    assert error.http_status is not None
    assert set(through.requests) == {f"CONNECT {HOST}:443"}


@pytest.mark.parametrize(("refusal", "says"), [(403, "allow api.stripe.com there"), (407, "http://user:password@host")])
def test_a_proxy_that_refuses_stripe_is_named(
    monkeypatch: pytest.MonkeyPatch, through: ConnectProxy, refusal: int, says: str
) -> None:
    through.refusal = refusal
    monkeypatch.setenv("HTTPS_PROXY", through.url)

    assert says in unavailable_reason(_error_of("https://api.stripe.com"))


def test_traces_leave_through_the_proxy(
    through: ConnectProxy, start: Callable[..., Process], free_port: Callable[[], int], dynamodb_endpoint: str
) -> None:
    with OtlpSink(free_port()) as sink:
        proxies = {"HTTP_PROXY": through.url, "NO_PROXY": urlsplit(dynamodb_endpoint).netloc}
        service = start("pages", OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint, **proxies)
        plain_http.get(f"{service.url}/cancel")
        service.stop()

        assert sink.one("GET /cancel")
    assert through.requests == [f"POST {sink.endpoint}/v1/traces"]
