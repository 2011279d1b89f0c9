"""Defines the steps of the test: every service is ready, and with the emulator one payment ends on its page."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

from lea_payments.commands.release.calls import Answer, StepError, call

POLL_SECONDS = 0.5
CARD = {"cardnumber": "4242424242424242", "expiry": "12/34", "cvc": "123"}
PAID_HEADING = "Payment received"
ResultT = TypeVar("ResultT")


class Urls(NamedTuple):
    """The addresses of the release's services; an empty one is not tested."""

    webhook: str
    pages: str
    checkout: str = ""
    emulator: str = ""


class Waits(NamedTuple):
    """How long the test waits, in seconds."""

    ready: float = 60.0
    completed: float = 30.0
    page: float = 5.0


class Step(NamedTuple):
    """One step of the test; `run` raises StepError if it fails."""

    name: str
    run: Callable[[], None]


def steps(urls: Urls, token: str, waits: Waits) -> Iterator[Step]:
    """All steps, in their order. A payment needs the checkout API and the emulator."""
    for service in ("webhook", "pages", "checkout"):
        if url := getattr(urls, service):
            yield Step(f"{service} is ready", _ready(service, url, waits.ready))
    if urls.checkout and urls.emulator:
        yield from PaymentTest(urls, token, waits).steps()


def _ready(service: str, url: str, seconds: float) -> Callable[[], None]:
    remedy = f"read the log of {service}, and look whether its pods run"

    def run() -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = call("GET", f"{url}/readyz", remedy)
                if answer.status == 200:
                    return
                problem = StepError(str(answer), remedy)
            except StepError as error:
                problem = error
            if time.monotonic() >= deadline:
                raise problem
            time.sleep(POLL_SECONDS)

    return run


@dataclass
class PaymentTest:
    """Takes one payment from nothing to its page."""

    urls: Urls
    token: str
    waits: Waits
    payment_id: str = field(default_factory=lambda: f"payment_helm_test_{token_hex(4)}")
    pay_page: str = ""
    success_page: str = ""

    def steps(self) -> Iterable[Step]:
        """The steps, each of which needs the ones before."""
        return (
            Step("the checkout API creates a payment", self.create),
            Step("the emulator shows its pay page", self.open_pay_page),
            Step("the customer pays there", self.pay),
            Step("the webhook completes the payment", self.wait_for_completion),
            Step("the success page shows the payment", self.open_success_page),
        )

    def create(self) -> None:
        """Creates the payment and keeps the address of its pay page."""
        order = {"user_id": "helm-test", "quote_id": "helm-test", "product_name": "Test of the release"}
        body = json.dumps({"payment_intent_id": self.payment_id, "amount": 4999, "currency": "sgd", **order})
        link = self._api("POST", "/payments", body)["link"]["url"]
        # The link has the public address of the emulator, which only browsers reach.
        self.pay_page = f"{self.urls.emulator}/c/pay/{urlsplit(link).path.partition('/c/pay/')[2]}"

    def open_pay_page(self) -> None:
        """Opens the pay page as the customer's browser does."""
        remedy = "read the log of the emulator: it loses its sessions when its pod restarts, so run the test again"
        _expect(call("GET", self.pay_page, remedy), 200, remedy)

    def pay(self) -> None:
        """Sends the form of the pay page, which answers after the webhook has."""
        remedy = "read the log of the emulator"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = _expect(call("POST", self.pay_page, remedy, urlencode(CARD), headers), 303, remedy)
        self.success_page = f"{self.urls.pages}/success?{answer.location.partition('?')[2]}"

    def wait_for_completion(self) -> None:
        """Reads the payment until it is completed."""
        payment = _poll(self._payment, lambda read: read["payment_status"] == "completed", self.waits.completed)
        if payment["payment_status"] != "completed":
            remedy = (
                "read the log of the webhook: signature_rejected means that the emulator signs with another secret; "
                "read the emulator's if no delivery has arrived"
            )
            raise StepError(f"{self.payment_id} is {payment['payment_status']}", remedy)

    def open_success_page(self) -> None:
        """Opens the page to which the pay page has sent the customer."""
        remedy = "read the log of pages"

        def read() -> Answer:
            return call("GET", self.success_page, remedy, headers={"Accept-Language": "en"})

        answer = _poll(read, lambda page: PAID_HEADING in page.text, self.waits.page)
        _expect(answer, 200, remedy)
        if PAID_HEADING not in answer.text:
            raise StepError(f"the page does not say “{PAID_HEADING}”", remedy)

    def _payment(self) -> Any:
        return self._api("GET", f"/payments/{self.payment_id}")

    def _api(self, method: str, path: str, body: str | None = None) -> Any:
        remedy = "read the log of checkout"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        answer = call(method, f"{self.urls.checkout}{path}", remedy, body, headers)
        if answer.status == 401:
            remedy = "restart checkout: it started before its Secret got the token that the test has"
        if answer.status not in (200, 201):
            raise StepError(f"{method} {path}: {answer}", remedy)
        return json.loads(answer.text)


def _expect(answer: Answer, status: int, remedy: str) -> Answer:
    if answer.status != status:
        raise StepError(str(answer), remedy)
    return answer


def _poll(read: Callable[[], ResultT], is_expected: Callable[[ResultT], bool], seconds: float) -> ResultT:
    """The first expected value, or the last one that was read within the time."""
    deadline = time.monotonic() + seconds
    while not is_expected(value := read()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return value
