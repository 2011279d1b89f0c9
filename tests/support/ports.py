"""TCP ports for what tests and measurements start."""

import socket

_given: set[int] = set()


def free_port() -> int:
    """A TCP port that nobody listens on, a different one at each call."""
    while True:
        with socket.create_server(("", 0)) as server:
            port: int = server.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port
