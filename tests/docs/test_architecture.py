"""Compares the documented walk of a delivery with a trace of its calls, and counts the modules of each package."""

import asyncio
import re
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from uuid import uuid4

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from lea_payments.serving.http.connections import Connections
from lea_payments.serving.http.protocol import LimitedProtocol
from lea_payments.settings import WebhookSettings
from lea_payments.store.items import attributes_of
from lea_payments.store.payments import PaymentStore
from lea_payments.webhook.app import Webhook, create_app
from tests.docs.documents import ROOT
from tests.support import stripe_bodies, tables
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.scenarios import record

ROOMS_LIMIT = 6
CONNECTIONS_LIMIT = 10
CALLBACK = "data_received"
"""The callback of a connection: the whole walk of a delivery is in the sender's and in DynamoDB's."""

MODULES_LIMIT = 10
SERVICES = ROOT / "services"
PACKAGES = sorted(path.parent for path in SERVICES.rglob("__init__.py"))


def _documented_walk() -> list[str]:
    """The modules that the document names, in order of their first mention, such as `webhook/app`."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    walk = text.partition("<!-- walk -->")[2].partition("<!-- /walk -->")[0]
    return list(dict.fromkeys(re.findall(r"`(\w+(?:/\w+)+)\.py", walk)))


def _module_of(frame: FrameType) -> str | None:
    """The module of the services in which the frame is, such as `webhook/app`, or None."""
    name = str(frame.f_globals.get("__name__"))
    is_ours = name.startswith("lea_payments.") and frame.f_code.co_name != "<module>"
    return "/".join(name.split(".")[1:]) if is_ours else None


def _callback_of(frame: FrameType) -> str:
    """The name of the services' function that the event loop has called."""
    callback = frame
    caller: FrameType | None = frame
    while caller is not None:
        callback = caller if _module_of(caller) else callback
        caller = caller.f_back
    return callback.f_code.co_name


@contextmanager
def _recorded_modules() -> Iterator[dict[str, None]]:
    """Records the modules that callbacks of connections enter inside the block, in order; timers are no part of it."""
    modules: dict[str, None] = {}

    def record(frame: FrameType, event: str, _: object) -> None:
        module = _module_of(frame) if event == "call" else None
        if module and _callback_of(frame) == CALLBACK:
            modules.setdefault(module)

    threading.setprofile(record)
    sys.setprofile(record)
    try:
        yield modules
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@asynccontextmanager
async def _serving(app: ASGIApp, webhook: Webhook) -> AsyncIterator[str]:
    """Yields the address of the webhook, whose connections belong to the loop of the test."""
    config = uvicorn.Config(app, log_config=None)
    config.load()
    protocol = partial(
        LimitedProtocol, config, ServerState(), {}, limits=Connections(CONNECTIONS_LIMIT), direct=webhook
    )
    async with await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def entered(dynamodb_endpoint: str) -> list[str]:
    """Return the modules that a delivery enters, in order, such as `webhook/app`."""
    settings = WebhookSettings.model_validate(
        {
            "DDB_ENDPOINT": dynamodb_endpoint,
            "DYNAMODB_PAYMENTS_TABLE": f"test-{uuid4()}",
            "STRIPE_WEBHOOK_SECRET": stripe_bodies.SECRET,
        }
    )
    client = tables.client(settings)
    tables.create(client, settings)
    store = PaymentStore(settings)
    entered: list[str] = []
    async with (
        store,
        _serving(*create_app(settings, store)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_CERTIFICATES) as http,
    ):
        await store.ping_events()  # a first connection can be slow, and a try that fails enters other rooms
        await http.get("/livez")
        while "telemetry/events" not in entered:  # a try that fails on a busy machine leaves the straight line
            payment_id = f"payment_{uuid4()}"
            client.put_item(TableName=settings.table, Item=attributes_of(record(payment_id)))
            body = stripe_bodies.completed(payment_id)
            headers = {"Stripe-Signature": stripe_bodies.sign(body)}
            with _recorded_modules() as modules:
                answer = await http.post("/webhook/stripe", content=body, headers=headers)
            assert answer.json() == {"outcome": "applied"}
            entered = list(modules)
    client.delete_table(TableName=settings.table)
    client.close()
    return entered


def _rooms(modules: list[str]) -> list[str]:
    """The packages of these modules, in order; `log` and `settings` are modules without a package."""
    return list(dict.fromkeys(module.partition("/")[0] for module in modules if "/" in module))


def test_a_delivery_enters_the_documented_rooms_in_order(entered: list[str]) -> None:
    assert _rooms(entered) == _rooms(_documented_walk()), f"the delivery entered {' → '.join(entered)}"
    assert len(_rooms(entered)) <= ROOMS_LIMIT


def test_a_delivery_enters_the_documented_modules_in_order(entered: list[str]) -> None:
    walk = _documented_walk()

    assert [module for module in entered if module in walk] == walk, f"the delivery entered {' → '.join(entered)}"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_every_package_has_at_most_ten_modules(package: Path) -> None:
    modules = [path.name for path in package.glob("*.py") if path.name != "__init__.py"]

    assert len(modules) <= MODULES_LIMIT
