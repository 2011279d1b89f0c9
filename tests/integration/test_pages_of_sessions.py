"""Opens the page of each session of a payment, with the checkout API, the emulator, the webhook and the pages."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from lea_payments.payment.record import Payment
from tests.support import stripe_bodies
from tests.support.checkout_api import SECRETS, WEBHOOK_SECRET, checkout_client, payment_body
from tests.support.emulator import EmulatorClient
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery

SESSIONS = "/v1/checkout/sessions"
NEW_LINK = "open the newest payment link"


class Shop(NamedTuple):
    """A product with its customers. `stripe` also calls the emulator's own controls."""

    api: httpx.Client
    pages: httpx.Client
    webhook: httpx.Client
    stripe: EmulatorClient

    def new_payment(self) -> dict[str, Any]:
        """The body of a new payment that has a link."""
        body = payment_body()
        assert self.link(body).status_code == 201
        return body

    def link(self, body: dict[str, Any]) -> httpx.Response:
        """The answer to a call for the payment's link."""
        return self.api.post("/payments", json=body)

    def new_link(self, body: dict[str, Any]) -> str:
        """The session of the payment's link."""
        answer = self.link(body)
        assert answer.is_success, answer.text
        return str(answer.json()["payment"]["stripe_session_id"])

    def payment(self, body: dict[str, Any]) -> dict[str, Any]:
        """The payment as it is now."""
        payment: dict[str, Any] = self.api.get(f"/payments/{body['payment_intent_id']}").json()
        return payment

    def wait_for(self, body: dict[str, Any], **fields: object) -> dict[str, Any]:
        """The payment once it has these values."""

        def reached() -> dict[str, Any]:
            payment = self.payment(body)
            assert {name: payment[name] for name in fields} == fields, payment
            return payment

        return until(reached, f"{fields} of {body['payment_intent_id']}")

    def end(self, session_id: str) -> None:
        """Expires a session."""
        self.stripe.post(f"{SESSIONS}/{session_id}/expire")

    def deliver(self, body: bytes) -> str:
        """Sends an event and returns its outcome."""
        return Delivery.of(body, WEBHOOK_SECRET).to(self.webhook).outcome

    def event_of(self, session_id: str, event_type: str, **fields: Any) -> bytes:
        """An event about the emulator's session with changed fields, such as one that Stripe recovered from it."""
        return stripe_bodies.event(event_type, self.stripe.get(f"{SESSIONS}/{session_id}") | fields)

    def page(self, session_id: str) -> str:
        """The text of a session's page. The index can lag behind the table."""

        def known() -> str:
            answer = self.pages.get("/success", params={"session_id": session_id, "since": 1})
            assert answer.status_code == 200, answer.text
            return " ".join(re.sub("<style>.*?</style>|<[^>]+>", " ", answer.text, flags=re.DOTALL).split())

        return until(known, f"the page of {session_id}")


@pytest.fixture(scope="module")
def shop(start_service: Callable[..., str], free_port: Callable[[], int]) -> Iterator[Shop]:
    port = str(free_port())
    hook = {"EMULATOR_WEBHOOK_URL": f"http://127.0.0.1:{port}/webhook/stripe"}
    stripe = start_service("stripe-emulator", EMULATOR_WEBHOOK_SECRET=WEBHOOK_SECRET, **hook)
    webhook = start_service("webhook", PORT=port, STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET)
    checkout = start_service("checkout", STRIPE_API_BASE=stripe, **SECRETS)
    with (
        checkout_client(checkout) as api,
        httpx.Client(base_url=start_service("pages"), timeout=30, trust_env=False, verify=NO_CERTIFICATES) as pages,
        httpx.Client(base_url=webhook, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as receiver,
        EmulatorClient(stripe) as emulator,
    ):
        yield Shop(api, pages, receiver, emulator)


def test_both_sessions_of_a_payment_that_was_paid_twice_are_paid(shop: Shop) -> None:
    body = shop.new_payment()
    first = shop.new_link(body)
    second = shop.stripe.session(
        Payment(payment_intent_id=body["payment_intent_id"], amount=12000, currency="sgd"), metadata=False
    )
    for session_id in (first, second):
        shop.stripe.control(f"/_pay/{session_id}")
    shop.wait_for(body, status_reason="paid_twice")

    assert "Payment received" in shop.page(first)
    assert "Payment received" in shop.page(second)


def test_an_old_tab_of_a_failed_payment_names_the_new_link(shop: Shop) -> None:
    body = shop.new_payment()
    old = shop.new_link(body)
    shop.stripe.control(f"/_pay/{old}", method="delayed", outcome="failed", after_seconds=3600)
    shop.stripe.http.post(f"/_sessions/{old}/settle?result=failed").raise_for_status()
    shop.wait_for(body, payment_status="failed")
    before = shop.page(old)
    new = shop.new_link(body)

    assert "ask for a new payment link" in before
    assert "The money did not arrive" in shop.page(old)
    assert NEW_LINK in shop.page(old)
    assert "Please do not pay again" not in shop.page(old)
    assert "confirming" in shop.page(new)


def test_an_old_tab_shows_the_payment_once_it_is_paid(shop: Shop) -> None:
    body = shop.new_payment()
    old = shop.new_link(body)
    shop.end(old)
    shop.wait_for(body, payment_status="expired")
    new = shop.new_link(body)
    before = shop.page(old)
    shop.stripe.control(f"/_pay/{new}")
    shop.wait_for(body, payment_status="completed")

    assert "This payment link has expired" in before
    assert NEW_LINK in before
    assert "Payment received" in shop.page(old)
    assert "Payment received" in shop.page(new)


def test_a_late_end_of_the_former_session_leaves_the_new_link(shop: Shop) -> None:
    """Its event arrives after the new link was created."""
    body = shop.new_payment()
    old = shop.new_link(body)
    shop.stripe.set_faults(delay_seconds=3600)
    shop.end(old)
    new = shop.new_link(body)
    shop.stripe.set_faults()
    outcome = shop.deliver(shop.event_of(old, "checkout.session.expired"))

    assert (outcome, shop.payment(body)["payment_status"]) == ("applied", "pending")
    assert (shop.link(body).status_code, shop.new_link(body)) == (200, new)
    assert NEW_LINK in shop.page(old)


def test_money_on_its_way_in_a_former_session_blocks_a_link(shop: Shop) -> None:
    body = shop.new_payment()
    old = shop.new_link(body)
    shop.end(old)
    shop.wait_for(body, payment_status="expired")
    new = shop.new_link(body)
    unpaid = {"status": "complete", "payment_status": "unpaid", "payment_intent": "pi_late"}
    shop.deliver(shop.event_of(old, "checkout.session.completed", **unpaid))
    answer = shop.link(body)
    before = [shop.page(session_id) for session_id in (old, new)]
    paid = unpaid | {"payment_status": "paid"}
    shop.deliver(shop.event_of(old, "checkout.session.async_payment_succeeded", **paid))

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "awaiting_funds")
    assert ["Your payment is on its way" in page for page in before] == [True, True]
    assert ["Payment received" in shop.page(session_id) for session_id in (old, new)] == [True, True]


def test_a_recovered_session_belongs_to_the_payment(shop: Shop) -> None:
    body = shop.new_payment()
    expired = shop.new_link(body)
    shop.end(expired)
    shop.wait_for(body, payment_status="expired")
    recovered = f"{expired}Recovered"
    fields = {"id": recovered, "recovered_from": expired, "status": "complete", "payment_intent": f"pi_of_{expired}"}
    shop.deliver(shop.event_of(expired, "checkout.session.completed", **fields, payment_status="unpaid"))
    before = shop.page(recovered)
    answer = shop.link(body)
    shop.deliver(shop.event_of(expired, "checkout.session.async_payment_succeeded", **fields, payment_status="paid"))

    assert "Your payment is on its way" in before
    assert answer.json()["error"]["code"] == "awaiting_funds"
    assert "Payment received" in shop.page(recovered)
    assert "Payment received" in shop.page(expired)
    assert shop.payment(body)["stripe_session_id"] == recovered


def test_a_promotion_code_for_everything_is_no_money(shop: Shop) -> None:
    body = shop.new_payment()
    session_id = shop.new_link(body)
    free = {"status": "complete", "payment_status": "no_payment_required", "amount_total": 0, "payment_intent": None}
    outcome = shop.deliver(shop.event_of(session_id, "checkout.session.completed", **free))

    assert outcome == "review"
    assert "We are checking your payment" in shop.page(session_id)
    assert "received" not in shop.page(session_id)


def test_a_refund_is_shown_through_its_life(shop: Shop) -> None:
    body = shop.new_payment()
    session_id = shop.new_link(body)
    shop.stripe.control(f"/_pay/{session_id}")
    intent = shop.wait_for(body, payment_status="completed")["stripe_payment_intent"]

    def page_after(status: str) -> str:
        event_type = {"pending": "refund.created"}.get(status, "refund.updated")
        assert shop.deliver(stripe_bodies.refund(event_type, 2000, status, intent)) in ("applied", "review")
        return shop.page(session_id)

    pending, succeeded, failed = (page_after(status) for status in ("pending", "succeeded", "failed"))
    assert ("A refund of SGD 20.00 is on its way." in pending, "Refunded" in pending) == (True, False)
    assert ("on its way" in succeeded, "Refunded SGD 20.00" in succeeded) == (False, True)
    assert ("A refund of SGD 20.00 failed." in failed, "Refunded" in failed) == (True, False)


def test_the_api_shows_refunds_disputes_and_warnings(shop: Shop) -> None:
    body = shop.new_payment()
    shop.stripe.control(f"/_pay/{shop.new_link(body)}")
    paid = shop.wait_for(body, payment_status="completed")
    intent, due = paid["stripe_payment_intent"], {"evidence_details": {"due_by": 1767225600}}
    objects = {
        "refund.created": {"id": "re_1", "object": "refund", "amount": 2000, "status": "pending"},
        "charge.dispute.created": {"id": "du_1", "object": "dispute", "amount": 9, "status": "needs_response", **due},
        "radar.early_fraud_warning.created": {
            "id": "issfr_1",
            "object": "radar.early_fraud_warning",
            "actionable": True,
        },
    }
    for event_type, fields in objects.items():
        shop.deliver(stripe_bodies.event(event_type, fields | {"payment_intent": intent}))
    payment = shop.payment(body)

    assert payment["refunds"] == [{"id": "re_1", "amount": 2000, "stripe_payment_intent": intent, "status": "pending"}]
    (dispute,) = payment["disputes"]
    assert (dispute["id"], dispute["amount"], dispute["stripe_payment_intent"]) == ("du_1", 9, intent)
    assert (dispute["status"], dispute["evidence_due_by"]) == ("needs_response", "2026-01-01T00:00:00Z")
    assert payment["fraud_warnings"] == [{"id": "issfr_1", "actionable": True}]
    assert (payment["amount_refunded"], payment["amount_refund_pending"]) == (2000, 2000)
    assert (payment["dispute_status"], payment["status_reason"]) == ("open", "early_fraud_warning")
    assert payment["version"] == paid["version"] + 3
