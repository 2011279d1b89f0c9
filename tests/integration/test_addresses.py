"""Starts services on addresses of both families, and calls others at an IPv6 address."""

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from lea_payments.settings import TableSettings
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.client import client
from tests.support import plain_http
from tests.support.processes import Process
from tests.support.services import OF_OPTIONAL_SERVICES, SERVICES
from tests.support.stripe_bodies import SECRET

REQUIRED = {
    "STRIPE_WEBHOOK_SECRET": SECRET,
    "STRIPE_SECRET_KEY": "sk_test_addresses",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "PAYMENTS_API_TOKEN": "token-of-the-address-tests",
    **OF_OPTIONAL_SERVICES,
}
IPV4, IPV6 = "127.0.0.1", "::1"


def _has_ipv6() -> bool:
    try:
        socket.create_server((IPV6, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_ipv6(), reason="needs IPv6")


def _listening(port: int) -> set[str]:
    """The addresses of this machine at which /health or /metrics is answered on the port."""
    result = set()
    for address in (IPV4, IPV6):
        host = f"[{address}]" if ":" in address else address
        for path in ("/health", "/metrics"):
            try:
                answer = plain_http.get(f"http://{host}:{port}{path}")
            except httpx.ConnectError:
                continue
            if answer.is_success:
                result.add(address)
    return result


@pytest.mark.parametrize("service", [*SERVICES, "mcp", "stripe-emulator"])
def test_a_service_listens_on_all_interfaces_by_default(
    start: Callable[..., Process], free_port: Callable[[], int], service: str
) -> None:
    metrics = free_port()
    process = start(service, ready_at="/health", HOST="", METRICS_PORT=str(metrics), **REQUIRED)

    assert _listening(urlsplit(process.url).port or 0) == {IPV4, IPV6}
    assert service == "stripe-emulator" or _listening(metrics) == {IPV4, IPV6}


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("::", {IPV4, IPV6}), ("0.0.0.0", {IPV4}), (IPV4, {IPV4}), (IPV6, {IPV6}), ("[::1]", {IPV6})],
)
def test_host_chooses_the_address_of_both_ports(
    start: Callable[..., Process], free_port: Callable[[], int], host: str, addresses: set[str]
) -> None:
    metrics = free_port()
    process = start("pages", ready_at="/health", HOST=host, METRICS_PORT=str(metrics))

    assert _listening(urlsplit(process.url).port or 0) == addresses
    assert _listening(metrics) == addresses


async def test_dynamodb_and_stripe_are_called_at_an_ipv6_address(
    table_settings: TableSettings, start: Callable[..., Process]
) -> None:
    emulator = start("stripe-emulator", HOST=IPV6)
    port = urlsplit(table_settings.ddb_endpoint).port
    settings = table_settings.model_copy(update={"ddb_endpoint": f"http://[::1]:{port}"})
    async with PaymentStore(settings) as store:
        await store.ping()
        await store.ping_events()
    events = client("sk_test_addresses", emulator.url).raw_request("get", "/v1/events")

    assert isinstance(events.body, str)
