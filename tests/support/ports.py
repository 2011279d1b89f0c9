"""Finds free TCP ports."""

import random
import socket

CANDIDATES = range(12_000, 32_000)
"""Below the range from which systems choose the ports of outgoing connections."""


def free_port() -> int:
    """A TCP port without a listener, which this process keeps: no other test process gets it.

    A UDP socket of the same number is the reservation. The system closes it with the process.
    """
    while True:
        port = random.choice(CANDIDATES)
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            reservation.bind(("127.0.0.1", port))
            socket.create_server(("", port)).close()
        except OSError:
            reservation.close()
            continue
        reservation.detach()  # stays open
        return port
