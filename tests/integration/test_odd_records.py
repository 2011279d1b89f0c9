"""Runs every operation on records with values of any type in any field, as people write them."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lea_payments.payment.event import CHANGES
from lea_payments.payment.record import Payment
from lea_payments.reconciler.comparison import Reconciler
from lea_payments.reconciler.run import RunOutcome
from lea_payments.settings import TableSettings
from lea_payments.store.items import attributes_of
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.telemetry import events as telemetry
from tests.support import stripe_bodies
from tests.support.checkout_api import SECRETS, checkout_client
from tests.support.command_line import command_runner
from tests.support.emulator import EmulatorClient, no_wait
from tests.support.examples import examples
from tests.support.odd_items import ODD_FIELDS, fields_of_another_type
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.records import Records
from tests.support.webhook_delivery import Delivery, DeliveryAnswer

CASES = examples(12, 60, "ODD_RECORDS")
odd = settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

BODY: dict[str, Any] = {
    "user_id": "user_1",
    "quote_id": "quote_1",
    "amount": 4999,
    "currency": "sgd",
    "product_name": "Insurance",
}
LINK = "https://checkout.stripe.com/c/pay/cs_test_a"
BY_HAND = {"payment_status": "pending", "currency": "sgd", "user_id": "user_1", "quote_id": "quote_1"}
NOT_READ_AT_FIRST = frozenset({"product_name", "created_at", "amount", "currency"}) | {
    *("traceparent", "checkout_attempt_at", "checkout_locale", "return_url")
}
"""Fields that the first write need not read: the guess of an untouched record has none of them."""

_numbers = itertools.count()


def _item(number: int, fields: dict[str, Any], *, by_checkout: bool) -> dict[str, Any]:
    names: dict[str, Any] = {"payment_intent_id": f"payment_odd_{number}", "stripe_session_id": f"cs_test_odd{number}"}
    if by_checkout:
        record = Payment(**names, **BODY, version=2, status_rank=0, checkout_attempt=1, checkout_link=LINK)
        return {**attributes_of(record), **fields}
    return {**{name: {"S": value} for name, value in (BY_HAND | names).items()}, "amount": {"N": "4999"}, **fields}


def _declined(payment_id: str, _: str) -> bytes:
    return stripe_bodies.declined(payment_id, intent=f"pi_{payment_id}")


def _refund(payment_id: str, _: str) -> bytes:
    return _with_metadata(stripe_bodies.refund("refund.updated", 700, "succeeded"), payment_id)


def _dispute(payment_id: str, _: str) -> bytes:
    return _with_metadata(stripe_bodies.dispute("created", "needs_response"), payment_id)


def _with_metadata(body: bytes, payment_id: str) -> bytes:
    event = json.loads(body)
    resource = event["data"]["object"]
    resource |= {"id": f"{resource['id']}_{next(_numbers)}", "metadata": {"payment_intent_id": payment_id}}
    return json.dumps(event).encode()


def _deliver(webhook: httpx.Client, body: bytes) -> DeliveryAnswer:
    """The answer; a delivery that took too long on a busy machine is sent again."""
    delivery = Delivery.of(body)
    for _ in range(5):
        answer = delivery.to(webhook)
        if answer.status != httpx.codes.SERVICE_UNAVAILABLE:
            break
    return answer


FIRST_EVENTS: list[Callable[[str, str], bytes]] = [
    lambda payment_id, session_id: stripe_bodies.completed(payment_id, id=session_id),
    lambda payment_id, session_id: stripe_bodies.completed(payment_id, id=session_id, metadata={"attempt": "1"}),
    lambda payment_id, session_id: stripe_bodies.expired(payment_id, id=session_id),
    lambda payment_id, session_id: stripe_bodies.awaiting(payment_id, id=session_id),
    lambda payment_id, session_id: stripe_bodies.async_failed(payment_id, id=session_id),
    lambda payment_id, session_id: stripe_bodies.completed(payment_id, id=session_id, amount_total=1),
    lambda payment_id, _: stripe_bodies.refunded(payment_id, 500),
    *(_declined, _refund, _dispute),
]


@pytest.fixture(scope="module")
def webhook(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=start_service("webhook", STRIPE_WEBHOOK_SECRET=stripe_bodies.SECRET),
        timeout=30,
        verify=NO_CERTIFICATES,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def pages(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=start_service("pages"), follow_redirects=True, timeout=30, verify=NO_CERTIFICATES
    ) as client:
        yield client


@pytest.fixture(scope="module")
def checkout(start_service: Callable[..., str], account: EmulatorClient) -> Iterator[httpx.Client]:
    url = start_service("checkout", **(SECRETS | {"STRIPE_API_BASE": account.url, "STRIPE_SECRET_KEY": account.key}))
    with checkout_client(url) as client:
        yield client


@given(fields=ODD_FIELDS, event=st.sampled_from(FIRST_EVENTS), by_checkout=st.booleans())
@odd
def test_the_next_event_repairs_every_field(
    webhook: httpx.Client,
    records: Records,
    fields: dict[str, Any],
    event: Callable[[str, str], bytes],
    *,
    by_checkout: bool,
) -> None:
    item = _item(next(_numbers), fields, by_checkout=by_checkout)
    payment_id, session_id = item["payment_intent_id"]["S"], item["stripe_session_id"]["S"]
    records.put_item(item)

    first = _deliver(webhook, event(payment_id, session_id))

    assert first.status == 200, (item, first)
    if first.outcome in CHANGES:
        assert {*fields_of_another_type(records.item(payment_id))} <= NOT_READ_AT_FIRST, (item, first)
    second = _deliver(webhook, _refund(payment_id, session_id))
    assert second[:2] == (200, "applied"), (item, second)
    assert fields_of_another_type(records.item(payment_id)) == [], item


UNREADABLE: dict[str, dict[str, Any]] = {
    "map": {"M": {"value": {"N": "4999"}}},
    "list": {"L": []},
    "boolean": {"BOOL": True},
    "set": {"NS": ["4999"]},
    "bytes": {"B": b"4999"},
}


@pytest.mark.parametrize("by_checkout", [False, True], ids=["by hand", "by checkout"])
@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("field", ["amount", "currency"])
def test_money_for_an_unreadable_request_is_in_review(
    webhook: httpx.Client, records: Records, field: str, value: dict[str, Any], *, by_checkout: bool
) -> None:
    item = _item(next(_numbers), {field: value}, by_checkout=by_checkout)
    payment_id, session_id = item["payment_intent_id"]["S"], item["stripe_session_id"]["S"]
    records.put_item(item)
    metadata = {"attempt": "1"} if by_checkout else {}

    first = _deliver(webhook, stripe_bodies.completed(payment_id, id=session_id, metadata=metadata))
    _deliver(webhook, _refund(payment_id, session_id))

    after = records.item(payment_id)
    assert first[:2] == (200, "review")
    assert (after["payment_status"], after["status_reason"]) == ({"S": "pending"}, {"S": f"{field}_mismatch"})
    assert after[field] == value, "it is the only evidence of what was requested"


@given(fields=ODD_FIELDS, by_checkout=st.booleans(), has_session=st.booleans())
@odd
def test_pages_and_checkout_read_any_record(
    pages: httpx.Client,
    checkout: httpx.Client,
    records: Records,
    fields: dict[str, Any],
    *,
    by_checkout: bool,
    has_session: bool,
) -> None:
    item = _item(next(_numbers), fields, by_checkout=by_checkout)
    payment_id, session_id = item["payment_intent_id"]["S"], item["stripe_session_id"]["S"]
    if not has_session:
        del item["stripe_session_id"]
    records.put_item(item)

    page = pages.get("/success", params={"session_id": session_id})
    read = checkout.get(f"/payments/{payment_id}")
    listed = checkout.get("/payments", params={"user_id": "user_1"})
    created = checkout.post("/payments", json=BODY | {"payment_intent_id": payment_id})

    assert page.status_code in (200, 404), (item, page.text)
    assert (read.status_code, listed.status_code) == (200, 200), (item, read.text, listed.text)
    assert created.status_code in (200, 201, 409, 502), (item, created.text)
    if created.status_code == 201:
        assert {*fields_of_another_type(records.item(payment_id))} <= {"history"}, item


async def test_no_record_stops_the_reconciler_replay_or_show(
    account: EmulatorClient, store: PaymentStore, records: Records, table_settings: TableSettings, tmp_path: Path
) -> None:
    examples = _examples(40)
    payments = []
    for fields in examples:
        item = _item(next(_numbers), fields, by_checkout=False)
        records.put_item(item)
        payment_id = item["payment_intent_id"]["S"]
        session_id = account.session(Payment(payment_intent_id=payment_id, amount=4999, currency="sgd"))
        account.pay_without_waiting(session_id)
        payments.append(payment_id)
    run_command = command_runner(tmp_path, table_settings, STRIPE_SECRET_KEY=account.key, STRIPE_API_BASE=account.url)

    shown = [run_command("show", payment_id) for payment_id in payments[:10]]
    assert [result.returncode for result in shown] == [0] * 10, [result.stderr for result in shown]
    lists = StripeLists(
        account.settings(table_settings),
        StripeReader(account.settings(table_settings)),
        telemetry.stripe_object_unreadable,
    )
    reconciled = await Reconciler(store, lists, sleep=no_wait).run()
    assert reconciled.outcome is RunOutcome.OK, reconciled.problem
    lines = "\n".join(stripe_bodies.completed(payment_id, id="cs_test_again").decode() for payment_id in payments)
    replayed = run_command("replay", "-", text=lines)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert [payment_id for payment_id in payments if fields_of_another_type(records.item(payment_id))] == []


def _examples(number: int) -> list[dict[str, Any]]:
    """The same examples in every run."""
    examples: list[dict[str, Any]] = []

    @settings(max_examples=number, database=None, derandomize=True, deadline=None)
    @given(ODD_FIELDS)
    def collect(fields: dict[str, Any]) -> None:
        examples.append(fields)

    collect()
    return examples[:number]
