"""Reads from a server whose responses cannot be read and contain a customer's data."""

import json
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import pytest
import stamina
from msgspec.structs import replace

from lea_payments.settings import StripeSettings, TableSettings
from lea_payments.store.items import attributes_of
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.errors import StripeUnavailableError
from lea_payments.stripe.reader import TRIES, StripeReader
from tests.support import odd_json, tables
from tests.support.checkout_api import SECRETS, checkout_client, payment_body
from tests.support.command_line import command_runner
from tests.support.emulator import STRIPE_KEY, no_wait
from tests.support.hostile_text import CASES, controls
from tests.support.odd_stripe import EMAIL, NAME, ODD_RESPONSES, OddResponse, OddStripe
from tests.support.scenarios import record

PRIVATE = (EMAIL, NAME, "mei.ling", "Mei Ling")


def _reads(payment_id: str) -> dict[str, list[str]]:
    """The commands that read from Stripe."""
    return {
        "reconciler": ["reconciler", "--once"],
        "replay --since": ["replay", "--since", "2d"],
        "replay evt_…": ["replay", "evt_1"],
        "show": ["show", payment_id, "--stripe"],
        "show --json": ["show", payment_id, "--stripe", "--json"],
        "check": ["check"],
        "check --json": ["check", "--json"],
    }


@pytest.fixture
def retries() -> Iterator[None]:
    """Allow as many tries as in production, without a wait."""
    with stamina.set_testing(True, attempts=TRIES, cap=True):
        yield


@pytest.mark.usefixtures("retries")
@pytest.mark.parametrize("kind", ["list", "event"])
@pytest.mark.parametrize("response", ODD_RESPONSES.values(), ids=ODD_RESPONSES)
async def test_an_unreadable_response_is_read_again_and_not_quoted(
    response: OddResponse, kind: str, free_port: Callable[[], int]
) -> None:
    with OddStripe(free_port(), response) as stripe:
        variables = {"STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_API_BASE": stripe.url}
        reader = StripeReader(StripeSettings.model_validate(variables), no_wait)
        with pytest.raises(StripeUnavailableError, match="STRIPE_API_BASE") as error_info:
            await (anext(reader.pages("/v1/events")) if kind == "list" else reader.event("evt_1"))
        text = "".join(traceback.format_exception(error_info.value))

    assert stripe.sent == TRIES
    assert not [each for each in PRIVATE if each in text]


UNREADABLE = {
    name: response
    for name, response in ODD_RESPONSES.items()
    if name != "wrong types" and response.status == HTTPStatus.OK
}
"""The responses that a proxy can have made of a good one."""


def test_checkout_repeats_a_call_whose_response_it_cannot_read(
    start_service: Callable[..., str], free_port: Callable[[], int]
) -> None:
    """Every second response is a good one, so each call needs one repetition, with the same idempotency key."""
    session = OddResponse(json.dumps(odd_json.SESSION).encode())
    responses = [each for response in UNREADABLE.values() for each in (response, session)]
    with (
        OddStripe(free_port(), *responses) as stripe,
        checkout_client(start_service("checkout", STRIPE_API_BASE=stripe.url, **SECRETS)) as api,
    ):
        statuses = [api.post("/payments", json=payment_body()).status_code for _ in UNREADABLE]

    assert statuses == [201] * len(UNREADABLE)
    assert stripe.keys[0::2] == stripe.keys[1::2]
    assert len(set(stripe.keys)) == len(UNREADABLE)


async def test_no_command_prints_what_it_cannot_read(
    tmp_path: Path, table_settings: TableSettings, free_port: Callable[[], int], store: PaymentStore
) -> None:
    """Each command starts with another one of the responses, and all of them together receive each one."""
    payment = await store.create(replace(record(f"payment_{uuid4().hex}"), stripe_session_id="cs_test_odd"))
    with OddStripe(free_port(), *ODD_RESPONSES.values()) as stripe, ThreadPoolExecutor(8) as threads:
        variables = {"STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_API_BASE": stripe.url}
        run = command_runner(tmp_path, table_settings, **variables)
        running = {name: threads.submit(run, *words) for name, words in _reads(payment.payment_intent_id).items()}
        results = {name: each.result() for name, each in running.items()}

    outputs = {name: result.stdout + result.stderr for name, result in results.items()}
    assert {name: result.returncode for name, result in results.items()} == dict.fromkeys(results, 1)
    assert [name for name, output in outputs.items() if any(each in output for each in PRIVATE)] == []
    assert [name for name, output in outputs.items() if "Traceback" in output] == []
    assert [name for name, output in outputs.items() if "STRIPE_API_BASE" not in output] == []
    assert stripe.sent >= len(ODD_RESPONSES)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "{id}"),
        ("show", "{id}", "--json"),
        ("show", "unknown{text}"),
        ("show", "{id}", "{text}"),
        ("show", "--{text}"),
        ("replay", "{text}"),
        ("replay", "--since", "{text}"),
        ("replay", "-", "--payment", "{id}"),
        ("check", "--endpoint", "http://[{text}"),
        ("init-table", "--print"),
        ("init-table",),
    ],
    ids=" ".join,
)
def test_no_command_lets_data_control_the_terminal(
    arguments: tuple[str, ...], tmp_path: Path, table_settings: TableSettings
) -> None:
    text = "".join(case for case in CASES if case.isprintable() or case.encode(errors="ignore").decode() == case)
    payment_id = f"payment_{text}"
    client = tables.client(table_settings)
    new = replace(record(payment_id), product_name=text, stripe_session_id=f"cs_{text}", status_reason=text)
    client.put_item(TableName=table_settings.table, Item=attributes_of(new))
    client.close()

    run = command_runner(tmp_path, table_settings, STRIPE_SECRET_KEY=STRIPE_KEY, STRIPE_API_BASE="http://127.0.0.1:9")
    result = run(*(word.format(id=payment_id, text=text) for word in arguments), text=f'{{"id": "{text}"}}')

    assert not controls(result.stdout + result.stderr)
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stdout
