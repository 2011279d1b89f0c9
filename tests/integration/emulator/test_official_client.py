"""Uses the official Python package unchanged, with another base address."""

import asyncio
from typing import Any

import pytest
import stripe

from tests.integration.emulator.conftest import Start
from tests.integration.emulator.receiver import Receiver
from tests.support import plain_http
from tests.support.emulator import EmulatorClient


def test_a_session_is_created_retrieved_and_expired(emulator: EmulatorClient) -> None:
    sessions = emulator.stripe.v1.checkout.sessions
    created = emulator.checkout(metadata={"payment_intent_id": "payment_1"})
    expired = sessions.expire(created.id)
    read = sessions.retrieve(created.id)

    assert isinstance(created, stripe.checkout.Session)
    assert (created.status, created.payment_intent) == ("open", None)
    assert created.to_dict()["metadata"] == {"payment_intent_id": "payment_1"}
    assert (expired.status, read.status, read.url) == ("expired", "expired", None)


async def test_asyncio_calls_work(emulator: EmulatorClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    http_client = stripe.HTTPXClient()
    client = stripe.StripeClient("sk_test_emulator", base_addresses={"api": emulator.url}, http_client=http_client)
    created = await asyncio.to_thread(emulator.checkout)

    assert (await client.v1.checkout.sessions.retrieve_async(created.id)).id == created.id
    await http_client.close_async()  # type: ignore[no-untyped-call]


def test_the_package_pages_through_lists(emulator: EmulatorClient) -> None:
    created_ids = [emulator.checkout().id for _ in range(7)]

    page = emulator.stripe.v1.checkout.sessions.list({"limit": 3})
    forwards = [session.id for session in page.auto_paging_iter()]

    assert (len(page.data), page.has_more) == (3, True)
    assert forwards == created_ids[::-1]


def test_lists_can_be_read_backwards(emulator: EmulatorClient) -> None:
    created_ids = [emulator.checkout().id for _ in range(5)]
    page = emulator.stripe.v1.checkout.sessions.list({"limit": 2, "ending_before": created_ids[0]})

    assert [session.id for session in page.auto_paging_iter()] == created_ids[1:]


def test_sessions_are_filtered_by_intent_status_and_time(emulator: EmulatorClient) -> None:
    sessions = emulator.stripe.v1.checkout.sessions
    declined, other = emulator.checkout(), emulator.checkout()
    error = emulator.pay(declined.id, card="4000000000009995").json()["error"]
    emulator.pay(other.id)

    matches = sessions.list({"payment_intent": error["payment_intent"]["id"]})

    assert [session.id for session in matches.data] == [declined.id]
    assert [session.id for session in sessions.list({"status": "complete"}).data] == [other.id]
    assert [session.id for session in sessions.list({"created": {"gt": other.created + 1}}).data] == []


def test_line_items_are_listed_and_expanded(emulator: EmulatorClient) -> None:
    sessions = emulator.stripe.v1.checkout.sessions
    session = emulator.checkout()
    listed = sessions.line_items.list(session.id)
    expanded = sessions.retrieve(session.id, {"expand": ["line_items"]})

    assert (listed.data[0].description, listed.data[0].amount_total) == ("Travel insurance", 12000)
    assert expanded.line_items.data[0].id == listed.data[0].id


def test_expansion_follows_ids(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    emulator.pay(session.id)

    read = emulator.stripe.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})

    assert read.payment_intent.latest_charge.outcome.type == "authorized"


def test_refunds_are_made_listed_and_retrieved(emulator: EmulatorClient) -> None:
    intent = emulator.pay(emulator.checkout().id).json()["payment_intent"]
    refunds = emulator.stripe.v1.refunds
    refund = refunds.create({"payment_intent": intent, "amount": 5000, "reason": "requested_by_customer"})

    assert isinstance(refund, stripe.Refund)
    assert refunds.retrieve(refund.id).amount == 5000
    assert [one.id for one in refunds.list({"payment_intent": intent}).data] == [refund.id]
    charge = emulator.stripe.v1.charges.list({"payment_intent": intent}).data[0]
    assert (charge.amount_refunded, charge.refunded) == (5000, False)


def test_events_are_listed_by_type_and_time(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    emulator.pay(session.id)
    query: Any = {"types": ["checkout.session.completed"], "created": {"gte": session.created}, "limit": 100}
    events = list(emulator.stripe.v1.events.list(query).auto_paging_iter())

    assert [event.data.object.id for event in events] == [session.id]
    assert emulator.stripe.v1.events.retrieve(events[0].id).type == "checkout.session.completed"


def test_a_decline_raises_the_packages_card_error(emulator: EmulatorClient) -> None:
    with pytest.raises(stripe.CardError) as error_info:
        emulator.stripe.v1.payment_intents.create(
            {"amount": 500, "currency": "sgd", "confirm": True, "payment_method": "pm_card_chargeDeclined"}
        )

    assert error_info.value.code == "card_declined"
    assert error_info.value.error is not None
    assert error_info.value.error.decline_code == "generic_decline"
    assert error_info.value.request_id is not None


@pytest.mark.parametrize("key", ["sk_live_real", "nonsense"])
def test_only_test_keys_are_accepted(emulator: EmulatorClient, key: str) -> None:
    client = stripe.StripeClient(key, base_addresses={"api": emulator.url})

    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        client.v1.events.list()


def test_a_key_can_be_sent_by_basic_authentication(emulator: EmulatorClient) -> None:
    assert emulator.http.get("/v1/events", auth=("sk_test_a", "")).status_code == 200
    assert plain_http.get(f"{emulator.url}/v1/events").status_code == 401


@pytest.mark.parametrize("kind", ["checkout.sessions", "payment_intents", "refunds", "events", "disputes", "charges"])
def test_a_missing_object_is_resource_missing(emulator: EmulatorClient, kind: str) -> None:
    service = emulator.stripe.v1
    for part in kind.split("."):
        service = getattr(service, part)

    with pytest.raises(stripe.InvalidRequestError) as error_info:
        service.retrieve("missing_1")

    assert (error_info.value.code, error_info.value.http_status) == ("resource_missing", 404)


def test_an_unknown_url_is_404(emulator: EmulatorClient) -> None:
    answer = emulator.http.get("/v1/invoices", auth=("sk_test_a", ""))

    assert answer.status_code == 404
    assert "Unrecognized request URL" in answer.json()["error"]["message"]


def test_the_same_idempotency_key_gives_the_first_answer(emulator: EmulatorClient) -> None:
    key = {"idempotency_key": "payment_1/1"}
    params = {"amount": 500, "currency": "sgd"}
    first = emulator.stripe.v1.payment_intents.create(params, key)
    second = emulator.stripe.v1.payment_intents.create(params, key)

    assert second.id == first.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(emulator.stripe.v1.payment_intents.list().data) == 1


def test_an_idempotency_key_belongs_to_one_request(emulator: EmulatorClient) -> None:
    key = {"idempotency_key": "payment_1/1"}
    emulator.stripe.v1.payment_intents.create({"amount": 500, "currency": "sgd"}, key)

    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        emulator.stripe.v1.payment_intents.create({"amount": 501, "currency": "sgd"}, key)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"}, key)


def test_a_refused_request_may_be_repeated_with_its_key(emulator: EmulatorClient) -> None:
    key = {"idempotency_key": "payment_1/1"}
    with pytest.raises(stripe.InvalidRequestError):
        emulator.stripe.v1.payment_intents.create({"amount": 1, "currency": "sgd"}, key)

    assert emulator.stripe.v1.payment_intents.create({"amount": 500, "currency": "sgd"}, key).amount == 500


def test_events_name_the_request_that_caused_them(emulator: EmulatorClient) -> None:
    key = {"idempotency_key": "customer_1"}
    customer = emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"}, key)
    event = emulator.stripe.v1.events.list({"type": "customer.created"}).data[0]

    assert event.request.id == customer.last_response.request_id
    assert event.request.idempotency_key == "customer_1"


def test_an_endpoint_gets_its_events_with_its_own_secret(start: Start, receiver: Receiver) -> None:
    emulator = start(EMULATOR_WEBHOOK_URL="")
    endpoint = emulator.stripe.v1.webhook_endpoints.create(
        {"url": receiver.url, "enabled_events": ["checkout.session.completed"]}
    )
    emulator.pay(emulator.checkout().id).raise_for_status()

    received = receiver.first("checkout.session.completed")
    event = stripe.Webhook.construct_event(received.body, received.headers["Stripe-Signature"], endpoint.secret)
    assert receiver.types() == [event.type]


def test_prices_products_and_customers_can_be_created(emulator: EmulatorClient) -> None:
    v1 = emulator.stripe.v1
    product = v1.products.create({"name": "Policy"})
    price = v1.prices.create({"product": product.id, "currency": "sgd", "unit_amount": 12000})
    customer = v1.customers.create({"email": "customer@example.test"})
    lines = [{"price": price.id, "quantity": 2}]
    session = emulator.checkout(line_items=lines, customer=customer.id)

    assert (session.amount_total, session.customer) == (24000, customer.id)
    assert price.unit_amount_decimal == 12000
    assert v1.products.list({"active": True}).data[0].id == product.id


def test_disputes_are_answered_and_closed_through_the_package(emulator: EmulatorClient) -> None:
    intent = emulator.pay(emulator.checkout().id, card="4000000000000259").json()["payment_intent"]
    disputes = emulator.stripe.v1.disputes
    opened = disputes.list({"payment_intent": intent}).data[0]
    answered = disputes.update(opened.id, {"evidence": {"customer_name": "Tan Ah Kow"}})
    closed = disputes.close(opened.id)

    assert [opened.status, answered.status, closed.status] == ["needs_response", "under_review", "lost"]


def test_a_broken_form_is_refused(emulator: EmulatorClient) -> None:
    answer = emulator.http.post("/v1/customers", content="a=1&a[b]=2", auth=("sk_test_a", ""))

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
