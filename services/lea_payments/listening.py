"""Opens the listening sockets of a service, on IPv4 and IPv6."""

import errno
import socket
from collections.abc import Callable

CreateServer = Callable[..., socket.socket]
ALL_INTERFACES = "::"
BACKLOG = 2048
_NOT_ON_THIS_MACHINE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_TRIES = 10
"""How often another port is tried if the system's choice for one family is in use in the other."""


def listen(host: str, port: int, create_server: CreateServer = socket.create_server) -> list[socket.socket]:
    """The sockets of an address; a name such as `localhost` can have one for each family. Port 0 is a free port.

    `::` is all interfaces with both families, or only with IPv4 on a machine without IPv6. Raises OSError if the port
    is in use in one of the families.
    """
    host = host.removeprefix("[").removesuffix("]")
    if host == ALL_INTERFACES:
        return [_on_all_interfaces(port, create_server)]
    tries = 1 if port else _TRIES
    while True:
        tries -= 1
        try:
            return _on_addresses(host, port, create_server)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not tries:
                raise


def url_host(host: str) -> str:
    """A host as it is written in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _on_all_interfaces(port: int, create_server: CreateServer) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return create_server((ALL_INTERFACES, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in _NOT_ON_THIS_MACHINE:
                raise
    return create_server(("", port), backlog=BACKLOG)


def _on_addresses(host: str, port: int, create_server: CreateServer) -> list[socket.socket]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, (address, _, *scope) in dict.fromkeys((each[0], each[4]) for each in found):
        try:
            sockets.append(create_server((address, port, *scope), family=family, backlog=BACKLOG))
        except OSError as error:
            if error.errno not in _NOT_ON_THIS_MACHINE:
                close(sockets)
                raise
            missing = error
        else:
            port = port or sockets[0].getsockname()[1]
    if missing and not sockets:
        raise missing
    return sockets


def close(sockets: list[socket.socket]) -> None:
    """Closes them."""
    for each in sockets:
        each.close()
