import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from lea_payments.settings import TableSettings
from lea_payments.store import connection, table
from lea_payments.store.items import payment_of
from tests.docs.blocks import README
from tests.support.parts import Part

SECRET = "whsec_of_the_readme"


def _hand_written() -> str:
    [code] = re.findall(r"```python\n(# Without the checkout API.*?)```", README.read_text(), re.DOTALL)
    return str(code)


def test_the_hand_written_flow_works_as_it_stands(
    start: Callable[..., Part],
    table_settings: TableSettings,
    tmp_path: Path,
) -> None:
    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET)
    pages = start("pages")
    emulator = start(
        "stripe-emulator",
        EMULATOR_WEBHOOK_URL=f"{webhook.url}/webhook/stripe",
        EMULATOR_WEBHOOK_SECRET=SECRET,
    )
    code = _hand_written()
    for written, ours in {
        "http://localhost:8000": table_settings.ddb_endpoint,
        "lea-payments-local": table_settings.table,
        "http://localhost:8087": emulator.url,
        "http://localhost:8085": pages.url,
    }.items():
        assert written in code
        code = code.replace(written, ours)
    script = tmp_path / "flow.py"
    script.write_text(code)

    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    session_id = re.findall(r"cs_test_\w+", printed)[0]
    paid = httpx.post(f"{emulator.url}/_pay/{session_id}", json={"card": "4242424242424242"}, timeout=30)

    assert paid.is_success, paid.text
    dynamodb = connection.client(table_settings)
    found = payment_of(
        dynamodb.get_item(TableName=table_settings.table, Key={table.KEY: {"S": "payment_123"}}, ConsistentRead=True)[
            "Item"
        ]
    )
    assert (found.payment_status, found.stripe_session_id) == ("completed", session_id)
    page = httpx.get(f"{pages.url}/success", params={"session_id": session_id})
    assert "Payment received" in page.text
