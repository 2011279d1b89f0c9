"""Runs all services and simulates customers, Stripe, foreign deliveries and an unavailable database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from tests.support import dynamodb_faults as faults
from tests.support import mcp_server, stripe_bodies, tables
from tests.support.checkout_api import checkout_client, payment_body
from tests.support.emulator import STRIPE_KEY, EmulatorClient
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.otlp_sink import OtlpSink
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.receiver import SECRET as NOTIFY_SECRET
from tests.support.receiver import Answer, Receiver
from tests.support.secrets import signing_secret
from tests.support.services import Services
from tests.support.simulated_agent import call_tools
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery, DeliveryAnswer

NAMESPACE = "simulation"
TOKEN = "token-of-the-simulation"
CURRENT, PREVIOUS = signing_secret("current"), signing_secret("previous")
NO_FUNDS_CARD, LOST_CARD = "4000000000009995", "4000000000009987"
SERVICES = ("webhook", "pages", "checkout", "reconciler", "notifier", "mcp")
WRITERS = ("webhook", "checkout", "reconciler")
"""The services that change payments, and so mark them for the notifier."""


class SimulatedPayment(NamedTuple):
    """A payment and its Checkout Session."""

    payment_id: str
    session_id: str
    link: str


class Simulation:
    """All services, and the actions of customers, Stripe, unknown senders and the database."""

    def __init__(
        self,
        services: Mapping[str, Process],
        metrics: Mapping[str, str],
        account: EmulatorClient,
        dynamodb: FaultyDynamoDB,
        receiver: Receiver,
    ) -> None:
        self.receiver = receiver
        self.services = services
        self.metrics = metrics
        self.account = account
        self.dynamodb = dynamodb
        self._api = checkout_client(services["checkout"].url, TOKEN)
        self._webhook = httpx.Client(
            base_url=services["webhook"].url, timeout=30, trust_env=False, verify=NO_CERTIFICATES
        )
        self._pages = httpx.Client(base_url=services["pages"].url, timeout=30, trust_env=False, verify=NO_CERTIFICATES)

    def close(self) -> None:
        """Closes the connections."""
        for client in (self._api, self._webhook, self._pages):
            client.close()

    def create_payment(self, **fields: Any) -> SimulatedPayment:
        """Creates a payment with a link."""
        answer = self._api.post("/payments", json=payment_body(**fields))
        assert answer.status_code in (200, 201), answer.text
        payment = answer.json()["payment"]
        link = answer.json()["link"]["url"]
        return SimulatedPayment(payment["payment_intent_id"], payment["stripe_session_id"], link)

    def wait_for(self, payment: SimulatedPayment, **fields: Any) -> None:
        """Waits until the API returns these fields for the payment."""

        def has_fields() -> bool:
            current: dict[str, Any] = self._api.get(f"/payments/{payment.payment_id}").json()
            assert fields.items() <= current.items(), current
            return True

        until(has_fields, f"{payment.payment_id} with {fields}")

    def complete_payment(self, **fields: Any) -> SimulatedPayment:
        """Creates a payment, pays it at the first attempt and opens its success page."""
        payment = self.create_payment(**fields)
        self.account.pay_without_waiting(payment.session_id)
        self.wait_for(payment, payment_status="completed")
        self.open_page(f"/success?session_id={payment.session_id}")
        return payment

    def open_page(self, path: str) -> int:
        """Opens a page as a customer and returns its HTTP status."""
        return self._pages.get(path, follow_redirects=True).status_code

    def deliver(self, body: bytes, secret: str = CURRENT) -> DeliveryAnswer:
        """Sends a delivery to the webhook, signed with this secret."""
        return Delivery.of(body, secret).to(self._webhook)

    def run_customers(self) -> None:
        """Customers pay, repeat a call, are declined, and give up."""
        for currency in ("sgd", "usd", "jpy"):
            self.complete_payment(currency=currency)
        body = payment_body()
        self.create_payment(**body)
        self.create_payment(**body)
        for cards, status in (((NO_FUNDS_CARD, "4242424242424242"), "completed"), ((LOST_CARD,), "failed")):
            payment = self.create_payment()
            for card in cards:
                self.account.pay_without_waiting(payment.session_id, card=card)
            self.wait_for(payment, payment_status=status)
            self.open_page(f"/success?session_id={payment.session_id}")
        unpaid = self.create_payment()
        self.open_page("/cancel")
        self.account.post(f"/v1/checkout/sessions/{unpaid.session_id}/expire")
        self.wait_for(unpaid, payment_status="expired")
        self.run_cancellations()
        self.open_page("/success?session_id=cs_test_unknown&since=1")
        self.open_page("/nothing")

    def run_cancellations(self) -> None:
        """A caller cancels a payment, and replaces another one."""
        canceled, superseded = self.create_payment(), self.create_payment()
        self._api.post(f"/payments/{canceled.payment_id}/cancel").raise_for_status()
        self.create_payment(supersedes=[superseded.payment_id])
        for payment in (canceled, superseded):
            self.wait_for(payment, payment_status="expired", status_reason="canceled")
            self.open_page(f"/cancel?session_id={payment.session_id}")

    def run_refunds_and_disputes(self) -> None:
        """Completed payments are refunded and disputed; one refund fails after it succeeded."""
        payment = self.complete_payment()
        intent = self.account.intent_of(payment.session_id)
        self.account.post("/v1/refunds", payment_intent=intent, amount=500)
        self.wait_for(payment, amount_refunded=500)
        refund = self.account.post("/v1/refunds", payment_intent=intent, amount=600)
        self.wait_for(payment, amount_refunded=1100)
        self.account.control(f"/_refunds/{refund['id']}/fail")
        self.wait_for(payment, amount_refunded=500)
        disputed = self.complete_payment()
        self.account.control("/_disputes", payment_intent=self.account.intent_of(disputed.session_id))

    def run_reviews(self) -> None:
        """Customers pay another amount, in another currency, and twice; a card issuer warns of fraud."""
        amount, currency, twice = self.create_payment(), self.create_payment(), self.complete_payment()
        self._pay_another_session(amount, amount=9900)
        self._pay_another_session(currency, currency="usd")
        self._pay_another_session(twice)
        self.wait_for(amount, status_reason="amount_mismatch")
        self.wait_for(currency, status_reason="currency_mismatch")
        self.wait_for(twice, status_reason="paid_twice")
        warned = self.complete_payment()
        self.account.control("/_early_fraud_warnings", payment_intent=self.account.intent_of(warned.session_id))
        self.wait_for(warned, status_reason="early_fraud_warning")

    def _pay_another_session(self, payment: SimulatedPayment, amount: int = 12000, currency: str = "sgd") -> None:
        """Pays a second session for the payment, which checkout did not create."""
        session = self.account.session(Payment(payment_intent_id=payment.payment_id, amount=amount, currency=currency))
        self.account.pay_without_waiting(session)

    def run_foreign_deliveries(self) -> None:
        """The webhook receives deliveries of other systems, and ones that Stripe did not send."""
        body = stripe_bodies.completed("payment_of_another_system", id="cs_test_of_another_system")
        answers = [
            self.deliver(body, PREVIOUS),
            self.deliver(stripe_bodies.event("customer.created", {"object": "customer"})),
            self.deliver(body, "whsec_unknown"),
            self.deliver(b'{"object": "nothing"}'),
            Delivery(body, stripe_bodies.sign(body, CURRENT, at=1)).to(self._webhook),
        ]
        outcomes = ["unmatched", "ignored", "invalid_signature", "invalid_payload", "invalid_signature"]
        assert [answer.outcome for answer in answers] == outcomes

    def run_database_outages(self) -> None:
        """The database fails and then throttles, during a delivery and a page view each."""
        payment = self.complete_payment()
        body = stripe_bodies.completed(payment.payment_id, id=payment.session_id)
        for status, code in ((500, "InternalServerError"), (400, "ThrottlingException")):
            self.dynamodb.fault = faults.error_response(status, code)
            assert self.deliver(body).status == 503
            assert self.open_page(f"/success?session_id={payment.session_id}") == 503
        self.dynamodb.fault = faults.healthy

    def run_notifications(self) -> None:
        """A receiver fails once, and hears of a payment."""
        self.receiver.answers.append(Answer(500))
        payment = self.complete_payment()
        until(lambda: not self.receiver.answers, "the failure of the receiver")
        self.receiver.wait_for(payment.payment_id)

    def run_lost_events(self) -> None:
        """The events of a payment are lost, and the reconciler repairs it."""
        self.account.set_faults(drop=1)
        payment = self.create_payment()
        self.account.pay_without_waiting(payment.session_id)
        self.account.set_faults()
        self.wait_for(payment, payment_status="completed")

    def run_everything(self) -> None:
        """Runs all of the above, one after the other."""
        self.run_customers()
        self.run_refunds_and_disputes()
        self.run_reviews()
        self.run_foreign_deliveries()
        self.run_database_outages()
        self.run_lost_events()
        self.run_notifications()
        call_tools(self.services["mcp"].url)


@contextmanager
def simulate(folder: Path, free_port: Callable[[], int], dynamodb: str, sink: OtlpSink) -> Iterator[Simulation]:
    """Starts all services with a new table, and stops them at the end of the block."""
    variables = {"DDB_ENDPOINT": dynamodb, "DYNAMODB_PAYMENTS_TABLE": f"simulation-{uuid4()}"}
    settings = TableSettings.model_validate(variables)
    client = tables.client(settings)
    tables.create(client, settings)
    with ExitStack() as stack:
        stack.callback(client.close)
        stack.callback(client.delete_table, TableName=settings.table)
        proxy = stack.enter_context(FaultyDynamoDB(dynamodb, free_port()))
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        defaults = variables | traces | {"DDB_ENDPOINT": proxy.endpoint}
        starter = stack.enter_context(Services(folder, free_port, defaults, fork=True))
        ports = {name: str(free_port()) for name in SERVICES}
        receiver = stack.enter_context(Receiver())
        services = _start(starter, ports, receiver.url)
        account = stack.enter_context(EmulatorClient(services["stripe-emulator"].url))
        metrics = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        simulation = Simulation(services, metrics, account, proxy, receiver)
        stack.callback(simulation.close)
        yield simulation


def _start(starter: Services, ports: Mapping[str, str], receiver: str) -> Mapping[str, Process]:
    """Starts each service after the ones that it calls."""
    services: dict[str, Process] = {}

    def start(name: str, **env: str) -> str:
        metrics = {"METRICS_PORT": ports[name]} if name in ports else {}
        outbox = {"NOTIFICATIONS": "true"} if name in WRITERS else {}
        services[name] = starter.start(name, **metrics, **outbox, **env)
        return services[name].url

    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=f"{CURRENT},{PREVIOUS}", DELIVERY_DEADLINE_SECONDS="1")
    endpoint = {"EMULATOR_WEBHOOK_URL": f"{webhook}/webhook/stripe", "EMULATOR_WEBHOOK_SECRET": CURRENT}
    stripe = {"STRIPE_API_BASE": start("stripe-emulator", **endpoint), "STRIPE_SECRET_KEY": STRIPE_KEY}
    checkout = start("checkout", **stripe, PAYMENTS_API_TOKEN=TOKEN, PAGES_BASE_URL=start("pages"))
    start("reconciler", **stripe, RECONCILER_INTERVAL_SECONDS="1")
    endpoint = {"NOTIFY_URL": receiver, "NOTIFY_SECRET": NOTIFY_SECRET, "NOTIFY_ALLOW_HTTP": "true"}
    start("notifier", **endpoint, NOTIFY_RETRY_SECONDS="0.1")
    start("mcp", **mcp_server.settings(checkout, PAYMENTS_API_TOKEN=TOKEN), **mcp_server.OF_AGENTS)
    return services
