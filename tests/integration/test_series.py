"""Counts the series that each service exposes."""

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from lea_payments.telemetry.exposition.series import SERVICES
from tests.support.checkout_api import SECRETS
from tests.support.emulator import EmulatorClient
from tests.support.mcp_server import OF_AGENTS
from tests.support.mcp_server import settings as mcp_settings
from tests.support.processes import Process
from tests.support.receiver import SECRET as NOTIFY_SECRET
from tests.support.scrape import Scrape
from tests.support.stripe_bodies import SECRET

MAXIMUM = {"webhook": 700, "checkout": 300}
MAXIMUM_OF_OTHERS = 200
SUFFIXES = ("_total", "_bucket", "_count", "_sum")

Variables = Callable[[str], Mapping[str, str]]


@pytest.fixture(scope="module")
def variables_of(account: EmulatorClient) -> Variables:
    stripe = {"STRIPE_API_BASE": account.url, "STRIPE_SECRET_KEY": "sk_test_series"}
    secrets = {"webhook": {"STRIPE_WEBHOOK_SECRET": SECRET}, "checkout": {**stripe, **SECRETS}, "reconciler": stripe}
    secrets["notifier"] = {"NOTIFY_URL": "https://crm.example/", "NOTIFY_SECRET": NOTIFY_SECRET}
    secrets["mcp"] = OF_AGENTS
    return lambda service: secrets.get(service, {})


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_exposes_few_series(
    start: Callable[..., Process], free_port: Callable[[], int], variables_of: Variables, service: str
) -> None:
    port = free_port()
    variables = {**variables_of(service)}
    if service == "mcp":  # it is ready once it reaches checkout
        variables |= mcp_settings(start("checkout", **variables_of("checkout")).url)
    start(service, METRICS_PORT=str(port), **variables)
    scrape = Scrape.with_exemplars(f"http://127.0.0.1:{port}")

    counts = Counter(sample.name for sample in scrape.samples)
    assert counts.total() <= MAXIMUM.get(service, MAXIMUM_OF_OTHERS), counts.most_common()
    assert not [name for name in counts if name.endswith("_created")]
    own = {_family(name) for name in counts if name.startswith("payments_")}
    assert own == {exposed.metric._name for exposed in SERVICES[service]}


def _family(name: str) -> str:
    return name.removesuffix(next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "\0"))
