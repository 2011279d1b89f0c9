import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from lea_payments.store import table
from tests.support import tables
from tests.support.checkout_api import SECRETS, TOKEN
from tests.support.command_line import command_runner
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET, completed, dispute
from tests.support.webhook_delivery import Delivery


def _init_table(port: int, *options: str) -> subprocess.Popen[str]:
    environment = {"DDB_ENDPOINT": f"http://127.0.0.1:{port}", "PATH": ""}
    command = [sys.executable, "-m", "lea_payments", "init-table", *options]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    )


def test_init_table_waits_for_a_database_that_is_starting(free_port: Callable[[], int], dynamodb_folder: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as not_yet:
        waiting = _init_table(port, "--wait=280")
        for _ in range(2):  # the second call means that the first error did not end it
            not_yet.accept()[0].close()

    with DynamoDBLocal(port, None, dynamodb_folder):
        output, errors = waiting.communicate()

    assert (output, waiting.returncode) == ("table lea-payments-local created\n", 0)
    assert {line.partition(" (")[0] for line in errors.splitlines()} <= {"Still reading table lea-payments-local"}


def test_without_wait_an_unreachable_database_is_named(free_port: Callable[[], int]) -> None:
    port = free_port()

    _, errors = _init_table(port).communicate(timeout=60)

    assert f"table lea-payments-local at http://127.0.0.1:{port}" in errors
    assert "check DDB_ENDPOINT" in errors


def test_init_table_completes_a_table_of_version_0_1_0(
    dynamodb_endpoint: str, start: Callable[..., Process], tmp_path: Path
) -> None:
    """Every service works without the indexes that version 0.2.0 added."""
    settings = TableSettings.model_validate({"DDB_ENDPOINT": dynamodb_endpoint, "DYNAMODB_PAYMENTS_TABLE": "of-0-1-0"})
    definition = table.definition(settings)
    definition["GlobalSecondaryIndexes"] = definition["GlobalSecondaryIndexes"][:4]
    definition["AttributeDefinitions"] = definition["AttributeDefinitions"][:5]
    client = tables.client(settings)
    client.create_table(**definition)
    records = Records(settings)
    payment_id = records.put()
    services = [
        start(name, DYNAMODB_PAYMENTS_TABLE=settings.table, **env)
        for name, env in (("webhook", {"STRIPE_WEBHOOK_SECRET": SECRET}), ("pages", {}), ("checkout", SECRETS))
    ]
    webhook, pages, checkout = (
        httpx.Client(base_url=service.url, timeout=30, verify=NO_CERTIFICATES) for service in services
    )

    assert Delivery.of(completed(payment_id)).to(webhook).outcome == "applied"
    assert Delivery.of(dispute("created", "needs_response", "pi_unknown")).to(webhook).outcome == "unmatched"
    assert "Payment received" in pages.get("/success", params={"session_id": "cs_test_a"}).text
    assert pages.get("/success", params={"session_id": "cs_test_unknown"}).status_code == 303
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert checkout.get(f"/payments/{payment_id}", headers=headers).json()["payment_status"] == "completed"
    assert checkout.get("/payments", params={"session_id": "cs_test_unknown"}, headers=headers).status_code == 200
    run = command_runner(tmp_path, settings)
    added = "table of-0-1-0 exists; added other_session_id-index, awaiting_funds_on-index, notify-index\n"
    assert [run("init-table").stdout for _ in range(2)] == [added, "table of-0-1-0 exists; nothing to do\n"]
    for closed in (webhook, pages, checkout, records):
        closed.close()
    client.delete_table(TableName=settings.table)
