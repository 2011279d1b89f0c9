"""Shows how the customer paid, from the emulator's charge to the success page."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx
import pytest

from lea_payments.store.payments import PaymentStore
from tests.support.checkout_api import SECRETS, checkout_client, payment_body
from tests.support.emulator import EmulatorClient
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET, charged, completed
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery


class Services(NamedTuple):
    """What a payment passes on its way."""

    webhook: httpx.Client
    checkout: httpx.Client
    pages: httpx.Client
    stripe: EmulatorClient

    def page(self, session_id: str) -> str:
        """The success page of a session."""
        return self.pages.get("/success", params={"session_id": session_id}).text


@pytest.fixture(scope="module")
def services(start: Callable[..., Process]) -> Iterator[Services]:
    webhook, pages = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET), start("pages")
    hook = {"EMULATOR_WEBHOOK_URL": f"{webhook.url}/webhook/stripe", "EMULATOR_WEBHOOK_SECRET": SECRET}
    stripe = EmulatorClient(start("stripe-emulator", **hook).url)
    checkout = start("checkout", STRIPE_API_BASE=stripe.url, **SECRETS)
    with (
        httpx.Client(base_url=webhook.url, timeout=30, verify=NO_CERTIFICATES) as deliveries,
        httpx.Client(base_url=pages.url, timeout=30, verify=NO_CERTIFICATES) as customer,
        checkout_client(checkout.url) as product,
        stripe,
    ):
        yield Services(deliveries, product, customer, stripe)


@pytest.mark.parametrize(
    ("paid_with", "text"),
    [
        ({"card": "4242424242424242"}, "Visa ending in 4242"),
        ({"card": "378282246310005"}, "American Express ending in 0005"),
        ({"method": "delayed", "after_seconds": 3600}, "SEPA Direct Debit ending in"),
    ],
    ids=["visa", "amex", "direct debit"],
)
def test_the_success_page_shows_the_method_of_the_charge(
    services: Services, paid_with: dict[str, object], text: str
) -> None:
    session_id = services.checkout.post("/payments", json=payment_body()).json()["payment"]["stripe_session_id"]

    services.stripe.pay_without_waiting(session_id, **paid_with)
    if "method" in paid_with:
        services.stripe.control(f"/_sessions/{session_id}/settle?result=succeeded")

    until(lambda: "Payment received" in services.page(session_id) and text in services.page(session_id))


@pytest.mark.parametrize("method_first", [True, False])
async def test_the_method_is_known_in_either_order(
    services: Services, records: Records, store: PaymentStore, *, method_first: bool
) -> None:
    session_id = f"cs_test_{method_first}"
    payment_id = records.put(stripe_session_id=session_id)
    charge, session = charged(payment_id), completed(payment_id, id=session_id)

    outcomes = [
        Delivery.of(body).to(services.webhook).outcome
        for body in ([charge, session], [session, charge])[not method_first]
    ]

    assert outcomes == ["applied", "applied"]
    assert "Visa ending in 4242" in services.page(session_id)
    record = await store.get(payment_id)
    assert record is not None
    assert [entry.event_type for entry in record.history] == ["checkout.session.completed"]


def test_a_charge_without_a_payment_is_ignored(services: Services) -> None:
    charge = Delivery.of(charged("payment_of_another_system", "pi_of_another_system"))

    assert charge.to(services.webhook).outcome == "ignored"


def test_the_method_names_no_person(services: Services, records: Records) -> None:
    payment_id = records.put()

    Delivery.of(charged(payment_id)).to(services.webhook)

    stored = str(records.get(payment_id))
    assert "card/visa/4242" in stored
    assert "someone" not in stored
