"""Executes the examples of the documents: the program, the requests and the commands, against real services."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.items import payment_of
from tests.docs.documents import DOCUMENTS, ROOT, Command, block_commands, blocks
from tests.docs.reference import SERVICES
from tests.support import forked, plain_http, tables
from tests.support.processes import Process
from tests.support.secrets import signing_secret

SECRET, STRIPE_KEY, TOKEN = signing_secret("readme"), "sk_test_readme", "demo-token"
GUIDE = ROOT / "docs" / "guide.md"
EMULATOR = ROOT / "docs" / "emulator.md"
ALL = list({command.words: command for document in DOCUMENTS for command in block_commands(document)}.values())
REQUESTS = [command for command in ALL if command.words[0] == "curl"]
IN_ORDER = [command for command in REQUESTS if re.search("supersedes|-X|wait=", " ".join(command.words))]
"""The requests that need a payment of an earlier request."""

FLOWS = [command for command in ALL if command.words[:2] == ("lea-demo", "flow")]
COMMANDS = [
    command
    for command in ALL
    if command.words[0] == "lea-payments"
    and command.words[1:] not in {("mcp", "--http"), *((name,) for name in SERVICES)}
]
ABSOLUTE_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
EVENT_ID = re.compile(r"evt_\w+")
DAY = re.compile(r"20\d\d-\d\d-\d\d")
AUTHORIZATION = {"Authorization": f"Bearer {STRIPE_KEY}"}


class Services(NamedTuple):
    """The running services and their table."""

    webhook: Process
    pages: Process
    checkout: Process
    emulator: Process
    table: TableSettings

    def new_event(self) -> str:
        """Creates a product and returns the id of its event."""
        url = self.emulator.url
        plain_http.request(
            "POST", f"{url}/v1/products", data={"name": "Insurance"}, headers=AUTHORIZATION
        ).raise_for_status()
        return str(plain_http.get(f"{url}/v1/events", headers=AUTHORIZATION).json()["data"][0]["id"])

    def run(self, module: str, arguments: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs one of our commands with the settings of these services; its standard input is Stripe's events."""
        events = plain_http.get(f"{self.emulator.url}/v1/events", headers=AUTHORIZATION)
        settings = {
            "PATH": os.environ["PATH"],
            "DDB_ENDPOINT": self.table.ddb_endpoint,
            "DYNAMODB_PAYMENTS_TABLE": self.table.table,
            "STRIPE_SECRET_KEY": STRIPE_KEY,
            "STRIPE_API_BASE": self.emulator.url,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "PAYMENTS_API_TOKEN": TOKEN,
        }
        text = "\n".join(json.dumps(event) for event in events.json()["data"])
        return forked.run([sys.executable, "-m", module, *arguments], env=settings | env, folder=folder, text=text)


@pytest.fixture(scope="module")
def services(start: Callable[..., Process], table_settings: TableSettings) -> Services:
    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET)
    pages = start("pages")
    emulator = start(
        "stripe-emulator",
        EMULATOR_WEBHOOK_URL=f"{webhook.url}/webhook/stripe",
        EMULATOR_WEBHOOK_SECRET=SECRET,
    )
    checkout = start(
        "checkout",
        STRIPE_SECRET_KEY=STRIPE_KEY,
        STRIPE_API_BASE=emulator.url,
        PAYMENTS_API_TOKEN=TOKEN,
        PAGES_BASE_URL=pages.url,
    )
    return Services(webhook, pages, checkout, emulator, table_settings)


@pytest.fixture
def documented_payment(services: Services) -> None:
    """Puts the payment that the documents name into the table."""
    item = {
        "payment_intent_id": "payment_123",
        "user_id": "user_42",
        "quote_id": "quote_7",
        "payment_status": "pending",
        "stripe_session_id": "cs_test_123",
    }
    client = tables.client(services.table)
    client.put_item(TableName=services.table.table, Item={name: {"S": value} for name, value in item.items()})
    client.close()


def _send(command: Command, services: Services) -> httpx.Response:
    """Sends the request of a `curl` command."""
    words = list(command.words[1:])
    url = words.pop(next(index for index, word in enumerate(words) if word.startswith("http")))
    options = list(zip(words[::2], words[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    headers["Authorization"] = headers["Authorization"].replace("$PAYMENTS_API_TOKEN", TOKEN)
    body = next((value for option, value in options if option == "-d"), None)
    method = next((value for option, value in options if option == "-X"), "GET" if body is None else "POST")
    address = f"{services.checkout.url}{url.removeprefix('http://localhost:8084')}"
    return plain_http.request(method, address, headers=headers, content=body)


def _shape(value: Any) -> Any:
    """The names in a JSON object, nested."""
    return {name: _shape(inner) for name, inner in value.items()} if isinstance(value, dict) else None


def test_the_hand_written_flow_works_as_it_stands(services: Services, tmp_path: Path) -> None:
    (code,) = [block.text for block in blocks(GUIDE) if block.language == "python" and "import stripe" in block.text]
    for documented, actual in {
        "http://localhost:8000": services.table.ddb_endpoint,
        "lea-payments-local": services.table.table,
        "http://localhost:8087": services.emulator.url,
        "http://localhost:8085": services.pages.url,
    }.items():
        assert documented in code
        code = code.replace(documented, actual)
    script = tmp_path / "flow.py"
    script.write_text(code)

    output = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    session_id = re.findall(r"cs_test_\w+", output)[0]
    answer = plain_http.request(
        "POST",
        f"{services.emulator.url}/_pay/{session_id}",
        json={"card": "4242424242424242"},
    )

    assert answer.is_success, answer.text
    dynamodb = tables.client(services.table)
    payment = payment_of(
        dynamodb.get_item(TableName=services.table.table, Key={table.KEY: {"S": "payment_123"}}, ConsistentRead=True)[
            "Item"
        ]
    )
    assert (payment.payment_status, payment.stripe_session_id) == ("completed", session_id)
    page = plain_http.get(f"{services.pages.url}/success", params={"session_id": session_id})
    assert "Payment received" in page.text


@pytest.mark.parametrize("request_", [command for command in REQUESTS if command not in IN_ORDER], ids=str)
def test_every_documented_request_returns_a_link(services: Services, request_: Command) -> None:
    answer = _send(request_, services)

    assert answer.status_code in (200, 201), answer.text
    assert urlsplit(answer.json()["link"]["url"]).path.startswith("/c/pay/cs_test_")


def test_the_documented_answers_have_the_real_fields(services: Services) -> None:
    answer, error, *_ = [json.loads(block.text) for block in blocks(GUIDE) if block.language == "json"]
    request = next(command for command in REQUESTS if command.document == GUIDE)
    too_small = request._replace(words=tuple(word.replace("12000", "1") for word in request.words))

    assert _shape(answer) == _shape(_send(request, services).json())
    assert _shape(error) == _shape(_send(too_small, services).json())
    assert error["error"]["code"] == _send(too_small, services).json()["error"]["code"]


def test_the_requests_that_cancel_work_in_their_order(services: Services) -> None:
    """The first one of the guide creates the payment that the others cancel."""
    requests = [
        command._replace(words=tuple(word.replace("payment_12", "payment_of_order_12") for word in command.words))
        for command in REQUESTS
        if command.document == GUIDE
    ]

    answers = [_send(request, services) for request in requests]

    assert len(requests) == 1 + len(IN_ORDER)
    assert [answer.status_code for answer in answers] == [201, 200, 201, 200]
    assert answers[1].json()["status_reason"] == answers[3].json()["status_reason"] == "canceled"


def test_the_documented_faults_are_accepted(services: Services) -> None:
    (faults,) = [block.text for block in blocks(EMULATOR) if block.language == "json"]

    accepted = plain_http.request("PUT", f"{services.emulator.url}/_faults", content=faults)
    plain_http.request("DELETE", f"{services.emulator.url}/_faults")

    assert accepted.is_success, accepted.text


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_every_documented_demo_flow_succeeds(services: Services, flow: Command, tmp_path: Path) -> None:
    ports = {
        f"DEMO_{name}_PORT": getattr(services, name.lower()).url.rpartition(":")[2] for name in ("CHECKOUT", "PAGES")
    }

    finished = services.run("lea_demo", list(flow.words[1:]), tmp_path, **ports, STRIPE_SECRET_KEY="")

    assert finished.returncode == 0, finished.stdout + finished.stderr


NOT_AT_STRIPE = {"show payment_123": 2, "show re_123": 1, "show --email": 1, "show --card": 1}
"""The exit statuses of `show --stripe`: the payment of the examples is in the table and not at Stripe, the others are
in neither."""


@pytest.mark.usefixtures("documented_payment")
@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_documented_command_succeeds(services: Services, command: Command, tmp_path: Path) -> None:
    days_ago = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"  # Stripe keeps events for 30 days
    event_id = services.new_event()
    arguments = [EVENT_ID.sub(event_id, ABSOLUTE_TIME.sub(days_ago, word)) for word in command.words[1:]]
    arguments = ["2020-01-01" if DAY.fullmatch(word) else word for word in arguments]  # on it, no card has paid

    finished = services.run("lea_payments", arguments, tmp_path)

    expected = NOT_AT_STRIPE.get(" ".join(command.words[1:3]), 0) if "--stripe" in arguments else 0
    assert finished.returncode == expected, finished.stdout + finished.stderr
