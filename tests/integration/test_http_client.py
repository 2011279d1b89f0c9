"""Sends requests of the client for receivers and for the checkout API over real sockets."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from lea_payments.outbound import failures
from lea_payments.outbound.http_client import (
    CallError,
    HttpClient,
    NoResponseError,
    NotSentError,
    ProxyConnectionError,
    ProxyError,
)
from lea_payments.outbound.way import CA_FILES
from tests.support.connect_proxy import ConnectProxy
from tests.support.tls_proxy import create_certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\nRETRY-AFTER: 8\r\n\r\nok"
LIMIT = 4096

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on this machine that answers each request with the same bytes, and keeps the heads."""

    def __init__(self, answer: bytes = OK, *, closes: bool = False) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self._answer, self._closes = answer, closes

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, OSError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                self.heads.append(head)
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
                writer.write(self._answer)
                await writer.drain()
                if self._closes:
                    break


@asynccontextmanager
async def _serving(serve: Serve, host: str = "127.0.0.1") -> AsyncIterator[str]:
    open_connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort() if is_ending.is_set() else writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.add(asyncio.create_task(handle(reader, writer)))

    is_ending = asyncio.Event()
    server = await asyncio.start_server(connected, host, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        is_ending.set()
        server.close()
        for task in open_connections:
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)
        await asyncio.sleep(0)  # the transports of aborted connections close


@asynccontextmanager
async def _client() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", *CA_FILES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def _post(client: HttpClient, url: str, limit: int = LIMIT) -> tuple[int, bytes]:
    async with client.send("POST", url, {"a": "b"}, b"body") as response:
        return response.status, await response.read(limit)


async def test_a_connection_is_used_again() -> None:
    server = Server()
    async with _serving(server) as url, _client() as client:
        answers = [await _post(client, f"{url}/a;b/c?d=%20e") for _ in range(3)]

    assert answers == [(200, b"ok")] * 3
    assert (server.connections, server.bodies) == (1, [b"body"] * 3)
    assert server.heads[0].startswith("POST /a;b/c?d=%20e HTTP/1.1\r\n")
    assert f"Host: {url.removeprefix('http://')}\r\n" in server.heads[0]


async def test_the_first_of_two_equal_headers_counts() -> None:
    async with _serving(Server()) as url, _client() as client, client.send("GET", url, {}) as response:
        assert response.headers["retry-after"] == "7"


async def test_an_address_of_ipv6_is_reached() -> None:
    server = Server()
    async with _serving(server, "::1") as url, _client() as client:
        assert await _post(client, url) == (200, b"ok")

    assert f"Host: {url.removeprefix('http://')}\r\n" in server.heads[0]


@pytest.mark.parametrize("framing", [b"Content-Length: 99999999", b"Connection: close"], ids=["long", "endless"])
async def test_only_the_beginning_of_a_body_is_read(framing: bytes) -> None:
    server = Server(b"HTTP/1.1 500 No\r\n" + framing + b"\r\n\r\n" + b"x" * 1_000_000)
    async with _serving(server) as url, _client() as client:
        answers = [await _post(client, url) for _ in range(2)]

    assert answers == [(500, b"x" * LIMIT)] * 2
    assert server.connections == 2


async def test_a_body_that_is_cut_off_is_an_error_after_the_status() -> None:
    server = Server(b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\nab".replace(b"204", b"200"), closes=True)
    async with _serving(server) as url, _client() as client, client.send("GET", url, {}) as response:
        with pytest.raises(CallError):
            await response.read(LIMIT)

        assert response.status == 200


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_answer(status: int) -> None:
    server = Server(b"HTTP/1.1 %d No\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n" % status)
    async with _serving(server) as url, _client() as client:
        assert await _post(client, url) == (status, b"")

    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 200_000], ids=str
)
async def test_anything_but_a_response_is_no_response(answer: bytes) -> None:
    async with _serving(Server(answer, closes=True)) as url, _client() as client:
        with pytest.raises(NoResponseError):
            await _post(client, url)


async def test_an_idle_connection_that_was_closed_is_replaced() -> None:
    server = Server(closes=True)
    async with _serving(server) as url, _client() as client:
        first = await _post(client, url)
        await asyncio.sleep(0.05)
        second = await _post(client, url)

    assert first == second == (200, b"ok")
    assert server.connections == 2


async def test_a_server_that_is_slow_ends_with_the_callers_limit() -> None:
    """It sends a byte every 10 ms, which no limit of a single read would notice."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while True:
            writer.write(b"H")
            await asyncio.sleep(0.01)

    async with _serving(drip) as url, _client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await _post(client, url)


async def test_a_refused_connection_is_not_sent(free_port: Callable[[], int]) -> None:
    url = f"http://localhost:{free_port()}"
    async with _client() as client:
        with pytest.raises(NotSentError) as raised:
            await _post(client, url)

    assert failures.reason(raised.value, url, settings="X", slow="") == "it refuses the connection: check X"


@pytest.mark.parametrize(
    "url", ["http://a..b/", "ftp://localhost/", "http://localhost:port/", "http://localhost/\N{SNOWMAN}", "http:///"]
)
async def test_a_url_that_is_none_is_an_error(url: str) -> None:
    async with _client() as client:
        with pytest.raises((CallError, ValueError)):
            await _post(client, url)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_certificate(tmp_path_factory.mktemp("tls"), "receiver.example")


@pytest.mark.parametrize("credentials", ["", "lea:word"], ids=["open", "with a password"])
async def test_tls_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch, certificate: Path, credentials: str) -> None:
    server = Server()
    async with _serving(server) as target, _client() as client:
        with ConnectProxy(target, certificate) as proxy:
            proxy.credentials = credentials
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            answers = [await _post(client, "https://receiver.example/") for _ in range(2)]

    assert answers == [(200, b"ok")] * 2
    assert proxy.requests == ["CONNECT receiver.example:443"]
    assert not any("proxy-" in head.lower() for head in server.heads)


async def test_an_untrusted_certificate_is_named(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    async with _serving(Server()) as target, _client() as client:
        with ConnectProxy(target, certificate) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            with pytest.raises(NotSentError) as raised:
                await _post(client, "https://receiver.example/")

    reason = failures.reason(raised.value, "https://receiver.example/", settings="X", slow="")
    assert str(reason).startswith("its certificate is not trusted: check X and ")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_plain_http_goes_through_its_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    async with _serving(Server(), host) as url, _client() as client:
        with ConnectProxy(url) as proxy:
            proxy.credentials = "lea:word"
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            answer = await _post(client, f"{url}/path?query")

    assert answer == (200, b"ok")
    assert proxy.requests == [f"POST {url}/path?query"]


async def test_a_tunnel_names_an_address_of_ipv6_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    with ConnectProxy("http://127.0.0.1:9") as proxy:
        proxy.refusal = 403
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with _client() as client:
            with pytest.raises(ProxyError):
                await _post(client, "https://[fd00::1]:8443/")

    assert proxy.requests == ["CONNECT [fd00::1]:8443"]


@pytest.mark.parametrize(("refusal", "says"), [(403, "allow receiver.example there"), (407, "user and password")])
async def test_a_proxy_that_refuses_is_the_reason(monkeypatch: pytest.MonkeyPatch, refusal: int, says: str) -> None:
    url = "https://receiver.example/"
    with ConnectProxy("http://127.0.0.1:9") as proxy:
        proxy.refusal = refusal
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with _client() as client:
            with pytest.raises(ProxyError) as raised:
                await _post(client, url)

    assert raised.value.status == refusal
    assert says in str(failures.reason(raised.value, url, settings="X", slow=""))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_down_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int], scheme: str
) -> None:
    url = f"{scheme}://receiver.example/"
    monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{free_port()}")
    async with _client() as client:
        with pytest.raises(ProxyConnectionError) as raised:
            await _post(client, url)

    assert "cannot be reached: check " in str(failures.reason(raised.value, url, settings="X", slow=""))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["closed", "plain HTTP"])
async def test_a_server_without_tls_is_not_sent_anything(answer: bytes) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)

    async with _serving(refuse) as url, _client() as client:
        with pytest.raises(NotSentError):
            await _post(client, url.replace("http:", "https:"))
