"""Claim: the batch call takes the way that `way` decides, and says what is wrong on it."""

import asyncio
import gc
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError, SSLError

from lea_payments.store.batch.connection import Connection, Response
from lea_payments.store.batch.opening import Opener, connect_to_first
from lea_payments.store.connection import CONNECTIONS
from lea_payments.store.dynamodb import problem_of
from tests.support.batch_client import OK, RESPONSES, batch_call, result_of, session
from tests.support.raw_server import CLOSE, HANG, RESET, START_TLS, Answer, RawServer
from tests.support.tls_proxy import create_certificate

AWS = "https://dynamodb.ap-southeast-1.amazonaws.com"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
TUNNEL = Answer([ESTABLISHED], START_TLS)


@pytest.fixture(scope="module")
def aws_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_certificate(tmp_path_factory.mktemp("aws"), AWS.removeprefix("https://"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_certificate(tmp_path_factory.mktemp("local"), "localhost")


@pytest.fixture(scope="module")
def both(certificate: Path, aws_certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of a proxy and of AWS in one file of authorities."""
    path = tmp_path_factory.mktemp("both") / "ca.pem"
    path.write_text(certificate.read_text() + aws_certificate.read_text())
    return path


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def full_server() -> Iterator[str]:
    """The URL of a server that accepts no more connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)  # noqa: FBT003 - its only form
            client.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for client in clients:
            client.close()


async def _problem(url: str, trusted: Path | None = None) -> tuple[type, str]:
    """The error of a call, and what it says."""
    async with batch_call(url, session(trusted)) as call:
        error = await result_of(call)
    assert isinstance(error, BotoCoreError)
    return type(error), problem_of(error, url)


async def test_a_call_over_tls_keeps_its_connection(certificate: Path) -> None:
    async with (
        RawServer(OK, tls=_tls(certificate)) as server,
        batch_call(f"https://localhost:{server.port}", session(certificate)) as call,
    ):
        results = [await result_of(call) for _ in range(3)]

        assert results == [RESPONSES] * 3
        assert [each.connection for each in server.requests] == [1, 1, 1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_addresses_of_both_families_are_reached(host: str) -> None:
    async with RawServer(OK, host=host) as server, batch_call(server.url) as call:
        assert await result_of(call) == RESPONSES
        assert f"host: {server.url.removeprefix('http://')}\r\n" in server.requests[0].head


@pytest.mark.parametrize("first", ["closed", "silent"])
async def test_another_address_of_a_name_is_reached(full_server: str, first: str) -> None:
    port = 9 if first == "closed" else int(full_server.rpartition(":")[2])
    loop = asyncio.get_running_loop()
    async with RawServer(OK, host="::1") as server:
        addresses = [
            *await loop.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM),
            *await loop.getaddrinfo("::1", server.port, type=socket.SOCK_STREAM),
        ]
        with await connect_to_first(addresses) as connected:
            assert connected.getpeername()[:2] == ("::1", server.port)


@pytest.mark.parametrize(
    ("host", "trusts", "says"),
    [("localhost", False, "certificate is not trusted"), ("127.0.0.1", True, "certificate is not trusted")],
    ids=["unknown authority", "another host"],
)
async def test_a_certificate_that_is_not_trusted(certificate: Path, host: str, trusts: bool, says: str) -> None:
    async with RawServer(OK, tls=_tls(certificate)) as server:
        error, text = await _problem(f"https://{host}:{server.port}", certificate if trusts else None)

        assert error is SSLError
        assert says in text
        assert server.requests == []


async def test_a_server_without_tls_is_named() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()
        has_ended.set()

    has_ended = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    error, text = await _problem(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await has_ended.wait()
    server.close()

    assert error is SSLError
    assert "certificate is not trusted" in text


async def test_a_name_that_does_not_exist_is_named() -> None:
    error, text = await _problem("http://dynamodb.invalid")

    assert error is EndpointConnectionError
    assert "its name cannot be resolved" in text


async def test_a_name_that_is_no_host_name_is_an_error() -> None:
    error, _ = await _problem(f"http://{'a' * 70}.invalid")

    assert error is EndpointConnectionError


async def test_a_closed_port_is_named() -> None:
    async with RawServer(OK) as server:
        pass

    assert "it refuses the connection" in (await _problem(server.url))[1]


async def test_a_server_that_does_not_accept_in_time_is_named(full_server: str) -> None:
    error, text = await _problem(full_server)

    assert error is ConnectTimeoutError
    assert "it does not accept the connection in time" in text


async def test_a_handshake_that_hangs_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        error, text = await _problem(f"https://127.0.0.1:{server.getsockname()[1]}")

    assert error is ConnectTimeoutError
    assert "it does not accept the connection in time" in text


@pytest.mark.parametrize("tls", [False, True], ids=["without TLS", "with TLS"])
async def test_an_opening_that_is_cancelled_leaves_nothing_open(certificate: Path, tls: bool) -> None:
    """Whenever that happens. An open socket would be a ResourceWarning, and so an error."""
    async with RawServer(OK, tls=_tls(certificate) if tls else None) as server:
        trusts = ssl.create_default_context(cafile=str(certificate)) if tls else None
        opener = Opener(f"{'https' if tls else 'http'}://localhost:{server.port}", None, trusts)
        for turns in range(60):
            opening = asyncio.ensure_future(opener.open(lambda: Connection(_Nobody(), "")))
            for _ in range(turns):
                await asyncio.sleep(0.0002 if turns % 2 else 0)
            opening.cancel()
            for opened in await asyncio.gather(opening, return_exceptions=True):
                if isinstance(opened, Connection):
                    opened.abort()
        await server.until(lambda: server.open == 0)
        gc.collect()


class _Nobody:
    """An owner of connections whose requests concern nobody."""

    def answered(self, connection: Connection, response: Response, *, is_reusable: bool) -> None:
        """Does nothing."""

    def failed(self, connection: Connection, error: BotoCoreError | None) -> None:
        """Does nothing."""


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
async def test_a_tunnel_leads_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, certificate: Path, aws_certificate: Path, both: Path, secure: bool
) -> None:
    async with RawServer(
        TUNNEL, OK, tls=_tls(certificate) if secure else None, inner_tls=_tls(aws_certificate)
    ) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{'https' if secure else 'http'}://lea:wo%20rd@localhost:{proxy.port}")
        async with batch_call(AWS, session(both)) as call:
            results = [await result_of(call) for _ in range(2)]

    first, *others = [each.head for each in proxy.requests]
    assert results == [RESPONSES] * 2
    assert first.startswith("CONNECT dynamodb.ap-southeast-1.amazonaws.com:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bGVhOndvIHJk\r\n" in first
    assert all(each.startswith("POST / HTTP/1.1\r\nac") and "roxy" not in each for each in others)
    assert proxy.opened == 1


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
async def test_a_call_without_tls_names_its_url_to_the_proxy(
    monkeypatch: pytest.MonkeyPatch, certificate: Path, secure: bool
) -> None:
    async with RawServer(OK, tls=_tls(certificate) if secure else None) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"{'https' if secure else 'http'}://lea:word@localhost:{proxy.port}")
        async with batch_call("http://dynamodb:8000/a", session(certificate)) as call:
            assert await result_of(call) == RESPONSES

    assert proxy.requests[0].head.startswith("POST http://dynamodb:8000/a HTTP/1.1\r\n")
    assert "\r\nhost: dynamodb:8000\r\n" in proxy.requests[0].head
    assert "Proxy-Authorization: Basic bGVhOndvcmQ=\r\n" in proxy.requests[0].head


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 100 Continue\r\n\r\n", ESTABLISHED],
        [ESTABLISHED[index : index + 1] for index in range(len(ESTABLISHED))],
        [b"HTTP/1.0 200 OK\r\nVia: proxy\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
    ],
    ids=["after 100 Continue", "in single bytes", "HTTP/1.0", "with a length"],
)
async def test_a_proxy_can_agree_in_several_ways(
    monkeypatch: pytest.MonkeyPatch, aws_certificate: Path, pieces: list[bytes]
) -> None:
    async with RawServer(Answer(pieces, START_TLS), OK, inner_tls=_tls(aws_certificate)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with batch_call(AWS, session(aws_certificate)) as call:
            assert await result_of(call) == RESPONSES


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "requires a user and password (HTTP 407)"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nabc", "does not connect (HTTP 403): allow dynamodb."),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "does not connect (HTTP 502)"),
        (b"garbage\r\n\r\n", "cannot be reached: check HTTPS_PROXY"),
        (Answer([], CLOSE), "cannot be reached: check HTTPS_PROXY"),
        (Answer([ESTABLISHED[:12]], RESET), "cannot be reached: check HTTPS_PROXY"),
        (Answer([], HANG), "it does not respond in time"),
        (Answer([ESTABLISHED], HANG), "it does not respond in time"),
        (Answer([ESTABLISHED], CLOSE), "Could not connect to the endpoint URL"),
    ],
    ids=["407", "403", "502", "garbage", "closes", "resets", "hangs", "hangs in TLS", "closes in TLS"],
)
async def test_a_proxy_that_does_not_connect_is_named(
    monkeypatch: pytest.MonkeyPatch, aws_certificate: Path, answer: Answer | bytes, says: str
) -> None:
    async with RawServer(answer) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//lea:Geheim@"))
        _, text = await _problem(AWS, aws_certificate)

    assert says in text
    assert "Geheim" not in text


async def test_tunnels_that_hang_make_room_for_others(monkeypatch: pytest.MonkeyPatch, aws_certificate: Path) -> None:
    hanging = [Answer([], HANG)] * CONNECTIONS
    async with RawServer(*hanging, TUNNEL, OK, inner_tls=_tls(aws_certificate)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with batch_call(AWS, session(aws_certificate)) as call:
            failures = await asyncio.gather(*[result_of(call) for _ in hanging])

            assert {type(each) for each in failures} == {ReadTimeoutError}
            assert await result_of(call) == RESPONSES


@pytest.mark.parametrize("proxy", ["http://proxy.invalid:3128", "http://127.0.0.1:9"], ids=["no name", "closed port"])
@pytest.mark.parametrize("url", [AWS, "http://dynamodb:8000"])
async def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch, proxy: str, url: str) -> None:
    variable = "HTTPS_PROXY" if url == AWS else "HTTP_PROXY"
    monkeypatch.setenv(variable, proxy)

    assert f"the proxy {proxy} cannot be reached: check {variable}" in (await _problem(url))[1]


async def test_a_proxy_with_another_certificate_is_named(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    async with RawServer(OK, tls=_tls(certificate)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://localhost:{proxy.port}")

        assert (await _problem(AWS))[0] is SSLError
