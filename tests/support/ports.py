"""Finds free TCP ports."""

import socket

_used: set[int] = set()


def free_port() -> int:
    """A TCP port without a listener, a different one at each call."""
    while True:
        with socket.create_server(("", 0)) as server:
            port: int = server.getsockname()[1]
        if port not in _used:
            _used.add(port)
            return port
