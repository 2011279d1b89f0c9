"""Checks that personal data and secrets appear in no log, metric, span or answer."""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from lea_payments.settings import TableSettings
from lea_payments.stripe import shapes as stripe_shapes
from tests.support import dynamodb_faults as faults
from tests.support import plain_http, stripe_bodies
from tests.support.examples import examples
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.otlp_sink import OtlpSink
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.scrape import OPENMETRICS

EMAIL = "kanarienvogel@mail.example"
NAME = "Wellensittich Nymphe"
CARD = "4000056655665556"
PHONE = "+6591234567"
SIGNING_SECRET, PREVIOUS_SECRET = "whsec_" + "Zebrafink" * 4, "whsec_" + "Girlitz" * 5
API_KEY = "sk_test_Stieglitz"
TOKEN = "token-Dompfaffen"
UNKNOWN_TOKEN = "token-Kernbeisser"
AWS_SECRET, AWS_TOKEN = "aws-Gimpelhahn", "aws-Zeisighenne"
SECRETS = (SIGNING_SECRET, PREVIOUS_SECRET, API_KEY, TOKEN, UNKNOWN_TOKEN, AWS_SECRET, AWS_TOKEN)
PERSONAL = (EMAIL, NAME, CARD, PHONE)
"""The tests search for the longest run of letters and digits in each, which no escaping changes."""

PERSON = {
    "address": {"line1": f"Care of {NAME}", "country": "SG"},
    "email": EMAIL,
    "name": NAME,
    "phone": PHONE,
}
CARD_DETAILS = {"brand": "visa", "number": CARD, "last4": CARD[-4:], "exp_month": 1, "exp_year": 2030}
METHOD = {"type": "card", "card": CARD_DETAILS, "billing_details": PERSON}
PERSONAL_FIELDS: Mapping[str, Any] = {
    "billing_details": PERSON,
    "custom_fields": [{"key": "name", "text": {"value": NAME}}],
    "customer_details": PERSON,
    "customer_email": EMAIL,
    "description": f"Insurance for {NAME}, {PHONE}",
    "evidence": {"customer_email_address": EMAIL, "customer_name": NAME},
    "payment_method_details": METHOD,
    "receipt_email": EMAIL,
    "shipping": PERSON,
}
"""The fields of Stripe's objects with personal data, which the services do not read."""

WEBHOOK_ROUTE = "/webhook/stripe"
UNKNOWN = {"id": "cs_test_unknown", "payment_intent": "pi_unknown"}
"""The references of a session that belongs to no payment."""


class Outputs(NamedTuple):
    """All text that the services wrote, by its source."""

    sources: Mapping[str, str]
    answers_of_checkout: str

    def where(self, text: str) -> dict[str, str]:
        """The sources that contain the text, with the text around it."""
        places = {source: output.lower().find(text.lower()) for source, output in self.sources.items()}
        return {
            source: self.sources[source][max(0, place - 200) : place + 60]
            for source, place in places.items()
            if place >= 0
        }


def _needle(canary: str) -> str:
    runs: list[str] = re.findall("[A-Za-z0-9]+", canary)
    return max(runs, key=len)


class Stripe:
    """Sends deliveries to the webhook and keeps its answers."""

    def __init__(self, webhook: str) -> None:
        self._client = httpx.Client(base_url=webhook, timeout=30, verify=NO_CERTIFICATES)
        self.answers = ""
        self.outcomes: set[str] = set()

    def send(self, body: bytes, *, signature: str | None = None, secret: str = SIGNING_SECRET) -> str:
        """Sends one delivery and returns its outcome. The headers contain canaries too."""
        headers = {
            "Stripe-Signature": stripe_bodies.sign(body, secret) if signature is None else signature,
            "Cookie": f"email={EMAIL}",
            "User-Agent": NAME,
            "X-Forwarded-For": PHONE,
            "traceparent": CARD,
            "baggage": f"name={PHONE}",
        }
        answer = self._client.post(WEBHOOK_ROUTE, content=body, headers=headers, params={"email": EMAIL})
        self.answers += f"{answer.headers}\n{answer.text}\n"
        assert answer.status_code != 500, body
        outcome: str = answer.json()["outcome"]
        self.outcomes.add(outcome)
        return outcome

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


def _with_person(body: bytes, **fields: Any) -> bytes:
    event = json.loads(body) | fields
    event["data"]["object"] |= PERSONAL_FIELDS
    event["data"]["previous_attributes"] = PERSONAL_FIELDS
    event["request"] = {"id": EMAIL, "idempotency_key": CARD}
    return json.dumps(event).encode()


def _declined(payment_id: str) -> bytes:
    event = json.loads(stripe_bodies.declined(payment_id))
    error = {"message": f"{NAME}'s card {CARD} was declined.", "payment_method": METHOD}
    event["data"]["object"]["last_payment_error"] |= error
    return _with_person(json.dumps(event).encode())


def _accepted_flows(stripe: Stripe, records: Records) -> None:
    paid = records.put(stripe_payment_intent="pi_canary")
    completed = _with_person(stripe_bodies.completed(paid, payment_intent="pi_canary", metadata={"note": EMAIL}))
    assert stripe.send(completed) == "applied"
    assert stripe.send(completed) == "duplicate"
    assert stripe.send(completed, secret=PREVIOUS_SECRET) == "duplicate"
    assert stripe.send(_with_person(stripe_bodies.expired(paid))) == "stale"
    assert stripe.send(_with_person(stripe_bodies.refunded(paid, 100, "pi_canary"))) == "applied"
    for kind, status in (("refund.updated", "succeeded"), ("refund.failed", "failed")):
        stripe.send(_with_person(stripe_bodies.refund(kind, 200, status, "pi_canary")))
    for stage, status in (("created", "needs_response"), ("closed", "lost")):
        assert stripe.send(_with_person(stripe_bodies.dispute(stage, status, "pi_canary"))) == "applied"
    for flow in (stripe_bodies.expired, stripe_bodies.awaiting, stripe_bodies.async_paid, stripe_bodies.async_failed):
        assert stripe.send(_with_person(flow(records.put()))) == "applied"
    assert stripe.send(_declined(records.put())) == "applied"
    assert stripe.send(_with_person(stripe_bodies.completed(records.put(), amount_total=1))) == "review"
    assert stripe.send(_with_person(stripe_bodies.completed(records.put(), currency=EMAIL))) == "review"


def _rejected_flows(stripe: Stripe, records: Records) -> None:
    body = _with_person(stripe_bodies.completed(records.put()))
    assert stripe.send(_with_person(body, livemode=True)) == "wrong_mode"
    assert stripe.send(_with_person(body, type="customer.created")) == "ignored"
    for reference in PERSONAL:
        assert stripe.send(_with_person(stripe_bodies.completed(reference, **UNKNOWN))) == "unmatched"
        metadata = {"payment_intent_id": reference, reference: reference}
        assert stripe.send(_with_person(stripe_bodies.completed(None, metadata=metadata, **UNKNOWN))) == "unmatched"
    for header in (*PERSONAL, SIGNING_SECRET, f"t=1,v1={SIGNING_SECRET}", f"t={EMAIL},v1=00"):
        assert stripe.send(body, signature=header) == "invalid_signature"
    assert stripe.send(body, secret="whsec_unknown") == "invalid_signature"
    assert stripe.send(body + json.dumps(PERSON).encode() * 3000) == "too_large"
    for damaged in (body[:-20], body + EMAIL.encode(), f'"{NAME}"'.encode(), json.dumps([PERSON]).encode()):
        assert stripe.send(damaged) == "invalid_payload"


_SHAPES: tuple[tuple[type[msgspec.Struct], bytes], ...] = (
    (stripe_shapes.SessionObject, stripe_bodies.completed("payment_0")),
    (stripe_shapes.PaymentIntent, stripe_bodies.declined("payment_0")),
    (stripe_shapes.Charge, stripe_bodies.refunded("payment_0", 5)),
    (stripe_shapes.Refund, stripe_bodies.refund("refund.updated", 5, "succeeded")),
    (stripe_shapes.DisputeObject, stripe_bodies.dispute("created", "lost")),
    (stripe_shapes.FraudWarning, stripe_bodies.fraud_warning("created", actionable=True)),
)
_STRIPES_OWN_FIELDS = ("id", "type")


def _wrong_fields(stripe: Stripe, records: Records) -> None:
    """Puts canaries into every field that the services read, in every JSON type."""
    values = (EMAIL, NAME, CARD, [NAME], {CARD: EMAIL}, {"id": NAME})
    for shape, body in _SHAPES:
        # In a short run each field gets one or two of the six, in turn.
        for field, value in [*itertools.product(msgspec.structs.fields(shape), values)][:: examples(5, 1)]:
            event = json.loads(body)
            event["data"]["object"][field.name] = value
            stripe.send(json.dumps(event).encode())
    for field, value in itertools.product(msgspec.structs.fields(stripe_shapes.Event), values):
        if not isinstance(value, str) or field.name not in _STRIPES_OWN_FIELDS:
            stripe.send(json.dumps(json.loads(body) | {field.name: value}).encode())
    for name, value in itertools.product(("code", "decline_code"), (EMAIL, NAME, CARD, [PHONE])):
        event = json.loads(stripe_bodies.declined(records.put()))
        event["data"]["object"]["last_payment_error"] = {name: value}
        stripe.send(json.dumps(event | {"id": f"evt_{name}_{len(value)}"}).encode())


def _outage_flows(stripe: Stripe, records: Records, dynamodb: FaultyDynamoDB) -> None:
    dynamodb.fault = faults.error_response(500, "InternalServerError")
    assert stripe.send(_with_person(stripe_bodies.completed(records.put()))) == "unavailable"
    dynamodb.fault = faults.closed_connection
    assert stripe.send(_with_person(stripe_bodies.completed(EMAIL))) == "unavailable"
    dynamodb.fault = faults.healthy


def _checkout_flows(checkout: str, unreachable: str, dynamodb: FaultyDynamoDB) -> tuple[str, str]:
    """Returns the answers of the API, and the session of the payment that it created."""
    new = {
        "payment_intent_id": "payment_canary",
        "user_id": EMAIL,
        "quote_id": PHONE,
        "product_name": "Travel insurance",
        "amount": 4999,
        "currency": "sgd",
    }
    headers = {"Authorization": f"Bearer {TOKEN}", "User-Agent": NAME, "Cookie": CARD}
    with httpx.Client(base_url=checkout, headers=headers, timeout=30, verify=NO_CERTIFICATES) as client:
        created = client.post("/payments", json=new)
        assert created.status_code == 201, created.text
        answers = [
            created,
            client.post("/payments", json=new, headers={"Idempotency-Key": EMAIL}),
            client.post("/payments", json=new | {"user_id": NAME}),
            *(client.post("/payments", json=new | {field: value}) for field in new for value in ([EMAIL], PERSON)),
            *(client.post("/payments", json=new | {field: EMAIL}) for field in ("amount", "currency", "locale")),
            client.post("/payments", json=new | PERSON),
            client.post("/payments", content=json.dumps(PERSON)[:-3], headers={"Content-Type": "application/json"}),
            client.post("/payments", content=EMAIL, headers={"Content-Type": NAME}),
            client.post("/payments", json=new, headers={"Authorization": f"Bearer {UNKNOWN_TOKEN}"}),
            client.post("/payments", json=new, headers={"Authorization": UNKNOWN_TOKEN}),
            client.get("/payments/payment_canary"),
            client.get("/payments", params={"user_id": EMAIL}),
            client.get("/payments", params={"email": EMAIL}),
            client.get("/payments/payment_of_nobody"),
            client.get(f"/payments/{EMAIL}"),
            client.get(f"/{NAME}"),
            client.put("/payments", content=EMAIL, params={"name": NAME}),
            plain_http.request(
                "POST",
                f"{unreachable}/payments",
                json=new | {"payment_intent_id": "canary_2"},
                headers=headers,
            ),
        ]
        dynamodb.fault = faults.error_response(500, "InternalServerError")
        answers.append(client.post("/payments", json=new | {"payment_intent_id": "canary_3"}))
        dynamodb.fault = faults.healthy
    assert {answer.status_code for answer in answers} >= {200, 201, 401, 404, 405, 409, 415, 422, 502, 503}
    session = created.json()["payment"]["stripe_session_id"]
    return "\n".join(f"{answer.headers}\n{answer.text}" for answer in answers), session


def _page_flows(pages: str, session: str, dynamodb: FaultyDynamoDB) -> str:
    headers = {"Accept-Language": NAME, "User-Agent": NAME, "Cookie": f"email={EMAIL}", "Referer": f"https://x/{EMAIL}"}
    with httpx.Client(
        base_url=pages, headers=headers, timeout=30, follow_redirects=True, verify=NO_CERTIFICATES
    ) as client:
        answers = [
            client.get("/success", params={"session_id": "cs_test_a"}),
            client.get("/success", params={"session_id": session, "email": EMAIL, "name": NAME}),
            client.get("/success", params={"session_id": EMAIL}),
            client.get("/success", params={"session_id": "cs_test_nobody", "since": CARD, "updates": NAME}),
            client.get("/cancel", params={"name": NAME}),
            client.get(f"/{EMAIL}/{NAME}"),
            client.post("/success", content=EMAIL, params={"email": EMAIL}),
        ]
        dynamodb.fault = faults.error_response(500, "InternalServerError")
        answers.append(client.get("/success", params={"session_id": session, "email": EMAIL}))
        dynamodb.fault = faults.healthy
    assert {answer.status_code for answer in answers} == {200, 404, 405, 503}
    return "\n".join(f"{answer.headers}\n{answer.text}" for answer in answers)


@pytest.fixture(scope="module")
def outputs(
    start: Callable[..., Process],
    free_port: Callable[[], int],
    table_settings: TableSettings,
) -> Iterator[Outputs]:
    with (
        OtlpSink(free_port()) as sink,
        FaultyDynamoDB(table_settings.ddb_endpoint, free_port()) as dynamodb,
    ):
        metrics: dict[str, str] = {}

        def start_one(name: str, kind: str, **env: str) -> Process:
            metrics[name] = f"http://127.0.0.1:{(port := free_port())}/metrics"
            return start(
                kind,
                DDB_ENDPOINT=dynamodb.endpoint,
                METRICS_PORT=str(port),
                LOG_LEVEL="debug",
                OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint,
                AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
                AWS_SECRET_ACCESS_KEY=AWS_SECRET,
                AWS_SESSION_TOKEN=AWS_TOKEN,
                **env,
            )

        keys = {"STRIPE_SECRET_KEY": API_KEY, "PAYMENTS_API_TOKEN": TOKEN}
        emulator = start("stripe-emulator")
        unreachable = f"http://127.0.0.1:{free_port()}"
        services = {
            "webhook": start_one("webhook", "webhook", STRIPE_WEBHOOK_SECRET=f"{SIGNING_SECRET},{PREVIOUS_SECRET}"),
            "checkout": start_one("checkout", "checkout", STRIPE_API_BASE=emulator.url, **keys),
            "checkout without Stripe": start_one(
                "checkout without Stripe", "checkout", STRIPE_API_BASE=unreachable, **keys
            ),
            "pages": start_one("pages", "pages"),
        }
        records = Records(table_settings)
        stripe = Stripe(services["webhook"].url)
        records.put(user_id=EMAIL, quote_id=NAME)
        _accepted_flows(stripe, records)
        _rejected_flows(stripe, records)
        _wrong_fields(stripe, records)
        _outage_flows(stripe, records, dynamodb)
        urls = (services["checkout"].url, services["checkout without Stripe"].url)
        answers_of_checkout, session = _checkout_flows(*urls, dynamodb)
        answers_of_pages = _page_flows(services["pages"].url, session, dynamodb)
        accept = {"Accept": OPENMETRICS}
        scrapes = {f"metrics of {name}": plain_http.get(url, headers=accept).text for name, url in metrics.items()}
        stripe.close()
        records.close()
        with ThreadPoolExecutor() as stopping:
            assert {*stopping.map(Process.stop, services.values())} == {0}
        logs = {f"log of {name}": service.log.read_text() for name, service in services.items()}
        answers = {"answers of webhook": stripe.answers, "answers of pages": answers_of_pages}
        yield Outputs({**scrapes, **logs, **answers, "spans": sink.raw}, answers_of_checkout)


@pytest.mark.parametrize("canary", [*PERSONAL, *SECRETS])
def test_no_output_contains_a_canary(outputs: Outputs, canary: str) -> None:
    assert outputs.where(_needle(canary)) == {}


@pytest.mark.parametrize("secret", SECRETS)
def test_the_api_answers_without_any_secret(outputs: Outputs, secret: str) -> None:
    assert _needle(secret) not in outputs.answers_of_checkout


def test_the_search_finds_known_text(outputs: Outputs) -> None:
    assert outputs.where("evt_decline_code").keys() >= {"spans", "log of webhook"}
    assert outputs.where("payment_CANARY").keys() >= {"answers of pages", "log of checkout", "log of pages", "spans"}
    assert {"lea-payments-webhook", "lea-payments-checkout", "lea-payments-pages"} <= {
        *re.findall("lea-payments-[a-z]+", outputs.sources["spans"])
    }
    assert all(
        "payments_build_info" in text for source, text in outputs.sources.items() if source.startswith("metrics")
    )
