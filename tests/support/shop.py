"""Every part at work on real customers' doings, good and bad, so that there is something to see; judges nothing."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import connection, table
from tests.support import faulty_dynamodb as faulty
from tests.support import stripe_bodies
from tests.support.checkout_calls import asked, checkout_api
from tests.support.deliveries import Answer, Delivery
from tests.support.emulator import STRIPE_KEY, EmulatorClient
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process
from tests.support.services import Services
from tests.support.waiting import until

NAMESPACE = "shop"
TOKEN, CURRENT, PREVIOUS = "token-of-the-shop", "whsec_current", "whsec_previous"
DECLINED, LOST = "4000000000009995", "4000000000009987"
PARTS = ("webhook", "pages", "checkout", "reconciler")


class Sale(NamedTuple):
    """A payment and its Checkout Session."""

    payment_id: str
    session_id: str
    link: str


class Shop:
    """The parts, and what customers, Stripe, strangers and a weak database do to them."""

    def __init__(
        self,
        parts: Mapping[str, Process],
        metrics: Mapping[str, str],
        account: EmulatorClient,
        dynamodb: FaultyDynamoDB,
    ) -> None:
        self.parts = parts
        self.metrics = metrics
        self.account = account
        self.dynamodb = dynamodb
        self._api = checkout_api(parts["checkout"].url, TOKEN)
        self._webhook = httpx.Client(base_url=parts["webhook"].url, timeout=30, trust_env=False)
        self._pages = httpx.Client(base_url=parts["pages"].url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Lets go of the connections."""
        for client in (self._api, self._webhook, self._pages):
            client.close()

    def order(self, **fields: Any) -> Sale:
        """A new payment with its link."""
        answer = self._api.post("/payments", json=asked(**fields))
        assert answer.status_code in (200, 201), answer.text
        payment = answer.json()["payment"]
        return Sale(payment["payment_intent_id"], payment["stripe_session_id"], answer.json()["link"]["url"])

    def payment(self, sale: Sale) -> dict[str, Any]:
        """How the payment stands."""
        found: dict[str, Any] = self._api.get(f"/payments/{sale.payment_id}").json()
        return found

    def until(self, sale: Sale, **fields: Any) -> None:
        """Returns once the payment is like this."""

        def reached() -> bool:
            payment = self.payment(sale)
            assert fields.items() <= payment.items(), payment
            return True

        until(reached, f"{sale.payment_id} with {fields}")

    def sold(self, **fields: Any) -> Sale:
        """A payment that was paid at the first try, its page seen."""
        sale = self.order(**fields)
        self.account.pay_at_once(sale.session_id)
        self.until(sale, payment_status="completed")
        self.visit(f"/success?session_id={sale.session_id}")
        return sale

    def visit(self, path: str) -> int:
        """A customer looks at a page."""
        return self._pages.get(path).status_code

    def deliver(self, body: bytes, secret: str = CURRENT) -> Answer:
        """A delivery to the webhook, signed with this secret."""
        return Delivery.of(body, secret).to(self._webhook)

    def customers(self) -> None:
        """What customers do on an ordinary day."""
        for currency in ("sgd", "usd", "jpy"):
            self.sold(currency=currency)
        repeated = asked()
        self.order(**repeated)
        self.order(**repeated)
        for cards, ending in (((DECLINED, "4242424242424242"), "completed"), ((LOST,), "failed")):
            sale = self.order()
            for card in cards:
                self.account.pay_at_once(sale.session_id, card=card)
            self.until(sale, payment_status=ending)
            self.visit(f"/success?session_id={sale.session_id}")
        gone = self.order()
        self.visit("/cancel")
        self.account.post(f"/v1/checkout/sessions/{gone.session_id}/expire")
        self.until(gone, payment_status="expired")
        self.visit("/success?session_id=cs_test_unknown&since=1")
        self.visit("/nothing")

    def afterwards(self) -> None:
        """What happens to paid payments: refunds, one that the bank sends back, a dispute."""
        sale = self.sold()
        intent = self.account.intent_of(sale.session_id)
        self.account.post("/v1/refunds", payment_intent=intent, amount=500)
        self.until(sale, amount_refunded=500)
        refund = self.account.post("/v1/refunds", payment_intent=intent, amount=600)
        self.account.control(f"/_refunds/{refund['id']}/fail")
        disputed = self.sold()
        self.account.control("/_disputes", payment_intent=self.account.intent_of(disputed.session_id))

    def review(self) -> None:
        """Money that was not asked for."""
        wrong, foreign, twice = self.order(), self.order(), self.sold()
        self._pay_otherwise(wrong, amount=9900)
        self._pay_otherwise(foreign, currency="usd")
        self._pay_otherwise(twice)
        self.until(wrong, status_reason="amount_mismatch")
        self.until(foreign, status_reason="currency_mismatch")
        self.until(twice, status_reason="paid_twice")

    def _pay_otherwise(self, sale: Sale, amount: int = 12000, currency: str = "sgd") -> None:
        """A second session for the payment, made by hand."""
        self.account.pay_at_once(
            self.account.session(Payment(payment_intent_id=sale.payment_id, amount=amount, currency=currency))
        )

    def strangers(self) -> None:
        """Deliveries that are not Stripe's, or not for us."""
        body = stripe_bodies.completed("payment_of_another_system", id="cs_test_of_another_system")
        answers = [
            self.deliver(body, PREVIOUS),
            self.deliver(stripe_bodies.event("customer.created", {"object": "customer"})),
            self.deliver(body, "whsec_of_a_stranger"),
            self.deliver(b'{"object": "nothing"}'),
            Delivery(body, stripe_bodies.sign(body, CURRENT, at=1)).to(self._webhook),
        ]
        outcomes = ["unmatched", "ignored", "invalid_signature", "invalid_payload", "invalid_signature"]
        assert [answer.outcome for answer in answers] == outcomes

    def trouble(self) -> None:
        """A database that is away for a moment, then at its limits, seen by a delivery and by a customer."""
        sale = self.sold()
        body = stripe_bodies.completed(sale.payment_id, id=sale.session_id)
        for status, code in ((500, "InternalServerError"), (400, "ThrottlingException")):
            self.dynamodb.fault = faulty.refusing(status, code)
            assert self.deliver(body).status == 503
            assert self.visit(f"/success?session_id={sale.session_id}") == 503
        self.dynamodb.fault = faulty.healthy

    def missed(self) -> None:
        """A payment whose events get lost, until the reconciler finds it."""
        self.account.set_faults(drop=1)
        sale = self.order()
        self.account.pay_at_once(sale.session_id)
        self.account.set_faults()
        self.until(sale, payment_status="completed")

    def day(self) -> None:
        """All of it."""
        for part_of_it in (self.customers, self.afterwards, self.review, self.strangers, self.trouble, self.missed):
            part_of_it()


@contextmanager
def shop(folder: Path, free_port: Callable[[], int], dynamodb: str, sink: OtlpSink) -> Iterator[Shop]:
    """All parts on a table of their own, which end with the block."""
    variables = {"DDB_ENDPOINT": dynamodb, "DYNAMODB_PAYMENTS_TABLE": f"shop-{uuid4()}"}
    settings = TableSettings.model_validate(variables)
    client = connection.client(settings)
    table.ensure(client, settings)
    with ExitStack() as stack:
        stack.callback(client.close)
        stack.callback(client.delete_table, TableName=settings.table)
        proxy = stack.enter_context(FaultyDynamoDB(dynamodb, free_port()))
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        defaults = variables | told | {"DDB_ENDPOINT": proxy.endpoint}
        running = stack.enter_context(Services(folder, free_port, defaults))
        ports = {name: str(free_port()) for name in PARTS}
        parts = _start(running, ports)
        account = stack.enter_context(EmulatorClient(parts["stripe-emulator"].url))
        metrics = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        one = Shop(parts, metrics, account, proxy)
        stack.callback(one.close)
        yield one


def _start(running: Services, ports: Mapping[str, str]) -> Mapping[str, Process]:
    """Who is called comes before who calls."""
    parts: dict[str, Process] = {}

    def start(name: str, **env: str) -> str:
        more = {"METRICS_PORT": ports[name]} if name in ports else {}
        parts[name] = running.start(name, **more, **env)
        return parts[name].url

    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=f"{CURRENT},{PREVIOUS}")
    hook = {"EMULATOR_WEBHOOK_URL": f"{webhook}/webhook/stripe", "EMULATOR_WEBHOOK_SECRET": CURRENT}
    stripe = {"STRIPE_API_BASE": start("stripe-emulator", **hook), "STRIPE_SECRET_KEY": STRIPE_KEY}
    start("checkout", **stripe, PAYMENTS_API_TOKEN=TOKEN, PAGES_BASE_URL=start("pages"))
    start("reconciler", **stripe, RECONCILER_INTERVAL_SECONDS="1")
    return parts


def lines_of(part: Process) -> Sequence[dict[str, Any]]:
    """What a part has told in its log."""
    return [json.loads(line) for line in part.log.read_text().splitlines() if line.startswith("{")]
