"""Keeps a connection idle for longer than clients do."""

import time
from http.client import HTTPConnection

import httpx

from tests.support.emulator import EmulatorClient


def test_an_idle_connection_outlives_that_of_a_client(emulator: EmulatorClient) -> None:
    expiry = httpx.Limits().keepalive_expiry
    assert expiry is not None
    connection = HTTPConnection(emulator.url.removeprefix("http://"), timeout=60)
    connection.request("GET", "/_deliveries")
    connection.getresponse().read()
    time.sleep(expiry + 1)
    connection.request("GET", "/_deliveries")  # a closed connection would be an error

    assert connection.getresponse().status == 200
    connection.close()
