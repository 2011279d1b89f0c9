import errno
import socket
from types import ModuleType
from typing import Any

import pytest

from lea_payments import listening as of_services
from stripe_emulator import listening as of_emulator

pytestmark = pytest.mark.parametrize("module", [of_services, of_emulator], ids=["services", "emulator"])


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="needs IPv6")


def _answering(sockets: list[socket.socket]) -> set[str]:
    """The addresses of this machine that accept connections at the port of the sockets; there is only one port."""
    [port] = {each.getsockname()[1] for each in sockets}
    result = set()
    for address in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((address, port), timeout=10).close()
        except OSError:
            continue
        result.add(address)
    return result


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("::", {"127.0.0.1", "::1"}),
        ("[::]", {"127.0.0.1", "::1"}),
        ("0.0.0.0", {"127.0.0.1"}),
        ("127.0.0.1", {"127.0.0.1"}),
        ("::1", {"::1"}),
        ("[::1]", {"::1"}),
    ],
)
def test_an_address_is_listened_on(module: ModuleType, host: str, addresses: set[str]) -> None:
    sockets = module.listen(host, 0)

    assert _answering(sockets) == addresses
    module.close(sockets)


def test_a_name_is_listened_on_at_all_its_addresses(module: ModuleType) -> None:
    names = {each[4][0] for each in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    sockets = module.listen("localhost", 0)

    assert _answering(sockets) == names & {"127.0.0.1", "::1"}
    assert {each.getsockname()[0] for each in sockets} <= names
    module.close(sockets)


def _without_ipv6(address: object, *, family: int = socket.AF_INET, **options: Any) -> socket.socket:
    """Creates sockets as a machine does that has no IPv6."""
    if family == socket.AF_INET6:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
    return socket.create_server(address, family=family, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["::", "localhost"])
def test_a_machine_without_ipv6_listens_on_ipv4(module: ModuleType, host: str) -> None:
    sockets = module.listen(host, 0, _without_ipv6)

    assert _answering(sockets) == {"127.0.0.1"}
    module.close(sockets)


def test_an_ipv6_address_without_ipv6_is_an_error(module: ModuleType) -> None:
    with pytest.raises(OSError, match="not supported"):
        module.listen("::1", 0, _without_ipv6)


@needs_ipv6
@pytest.mark.parametrize(("host", "busy"), [("::", "127.0.0.1"), ("::", "::1"), ("localhost", "127.0.0.1")])
def test_a_port_in_use_in_one_family_is_an_error(module: ModuleType, host: str, busy: str) -> None:
    family = socket.AF_INET6 if ":" in busy else socket.AF_INET
    with socket.create_server((busy, 0), family=family) as other, pytest.raises(OSError, match="in use") as raised:
        module.listen(host, other.getsockname()[1])

    assert raised.value.errno == errno.EADDRINUSE


def test_an_address_of_another_machine_is_an_error(module: ModuleType) -> None:
    with pytest.raises(OSError, match="assign requested address"):
        module.listen("192.0.2.1", 0)


@pytest.mark.parametrize(("host", "text"), [("::1", "[::1]"), ("[::1]", "[::1]"), ("a", "a"), ("10.0.0.1", "10.0.0.1")])
def test_an_ipv6_address_in_a_url_has_brackets(module: ModuleType, host: str, text: str) -> None:
    assert module.url_host(host) == text
