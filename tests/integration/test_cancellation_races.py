"""Cancels and supersedes payments while customers pay, and asks Stripe about every session at the end."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.checkout_api import SECRETS, payment_body
from tests.support.examples import examples
from tests.support.shop import Shop, code_of, open_account, open_shop

pytestmark = pytest.mark.timeout(1800)  # with all examples, on a busy machine
RACES = examples(12, 1000, "CANCELLATION_RACES")
QUOTES = examples(8, 200, "CANCELLATION_QUOTES")
CREATIONS = examples(10, 300, "CANCELLATION_CREATIONS")
CALLERS = 8
MAXIMUM_CHANGES, SHARE_OF_PAYERS = 3, 0.7
JITTER_SECONDS = 0.1
"""The largest difference between the starts of two calls that race."""

PAYMENT_WINS = {(409, "already_completed"), (409, "awaiting_confirmation")}


@pytest.fixture(scope="module")
def shop(start_service: Callable[..., str], free_port: Callable[[], int]) -> Iterator[Shop]:
    with open_account(start_service, free_port) as account:
        account.set_faults(duplicate=1)
        with (shop := open_shop(start_service("checkout", STRIPE_API_BASE=account.url, **SECRETS), account)).api:
            yield shop


def _at_once(generator: random.Random, *calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """The answers to calls that start within JITTER_SECONDS of each other, in any order."""
    delays = [generator.random() * JITTER_SECONDS for _ in calls]

    def late(call: Callable[[], httpx.Response], delay: float) -> httpx.Response:
        time.sleep(delay)
        return call()

    with ThreadPoolExecutor(len(calls)) as callers:
        return list(callers.map(late, calls, delays))


def _is_paid(session: dict[str, Any]) -> bool:
    return bool(session["status"] == "complete" and session["payment_status"] == "paid")


def _check_status(shop: Shop, session: dict[str, Any]) -> str:
    """Checks that the payment has the status that follows from its session at Stripe. Returns who has won."""
    payment_id = session["client_reference_id"]
    if _is_paid(session):
        shop.until(payment_id, "completed")
        return "customer"
    payment = shop.read(payment_id)
    assert (session["status"], payment["payment_status"], payment["status_reason"]) == (
        "expired",
        "expired",
        "canceled",
    )
    return "caller"


def _race(shop: Shop, seed: int) -> str:
    """A customer pays while the payment is canceled. Returns who has won."""
    payment = shop.create()
    payment_id, session_id = payment["payment_intent_id"], payment["stripe_session_id"]

    canceled, _ = _at_once(
        random.Random(seed),
        partial(shop.cancel, payment_id),
        partial(shop.account.pay, session_id, wait=False),
    )

    winner = _check_status(shop, shop.session(session_id))
    if winner == "customer":
        assert code_of(canceled) in PAYMENT_WINS, canceled.text
    else:
        assert canceled.status_code == 200, canceled.text
    return winner


def test_a_cancellation_that_races_a_payment_is_never_wrong(shop: Shop) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        winners = Counter(pool.map(partial(_race, shop), range(RACES)))

    print(f"cancellations raced with payments: {dict(winners)}")
    assert winners.total() == RACES


def _race_creation(shop: Shop, seed: int) -> tuple[str, str]:
    """A call for the first or the second link races two cancellations. The payment, and the answer to the call."""
    generator, body = random.Random(seed), payment_body()
    payment_id = str(body["payment_intent_id"])
    if seed % 2:
        first = shop.create(**body)
        shop.account.post(f"/v1/checkout/sessions/{first['stripe_session_id']}/expire")
    cancel = partial(shop.cancel, payment_id)

    answers = _at_once(generator, partial(shop.api.post, "/payments", json=body), cancel, cancel)

    assert {answer.status_code for answer in answers} <= {200, 201, 404, 409}, [answer.text for answer in answers]
    last = cancel()
    assert (last.status_code, last.json()["status_reason"]) == (200, "canceled")
    return payment_id, "link" if answers[0].is_success else code_of(answers[0])[1]


def test_a_cancellation_that_races_a_creation_leaves_no_link(shop: Shop) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = dict(pool.map(partial(_race_creation, shop), range(CREATIONS)))

    payable = [
        one["id"] for one in shop.sessions() if one["status"] == "open" and one["client_reference_id"] in answers
    ]
    print(f"creations raced with cancellations: {dict(Counter(answers.values()))}, payable: {len(payable)}")
    assert (payable, set(answers.values()) <= {"link", "payment_canceled"}) == ([], True)


class Quote(NamedTuple):
    """The payments of a quote with their links, oldest first; `refusal` is the answer that ended its changes."""

    payments: Sequence[dict[str, Any]]
    refusal: httpx.Response | None = None


def _change_quote(shop: Shop, seed: int) -> Quote:
    """A quote whose price changes at random moments while its customer pays any of its links."""
    generator, payments = random.Random(seed), [shop.create(quote_id=f"quote_{seed}")]
    for number in range(1, 1 + generator.randint(1, MAXIMUM_CHANGES)):
        former = [payments[-1]["payment_intent_id"]]
        body = payment_body(quote_id=f"quote_{seed}", amount=12000 + number, supersedes=former)
        calls = [partial(shop.api.post, "/payments", json=body)]
        if generator.random() < SHARE_OF_PAYERS:
            link = generator.choice(payments)["stripe_session_id"]
            calls.append(partial(shop.account.pay, link, wait=False))
        answer = _at_once(generator, *calls)[0]
        if not answer.is_success:
            return Quote(payments, answer)
        payments.append(answer.json()["payment"])
    return Quote(payments)


def test_a_superseded_quote_is_expired_or_reported_as_paid(shop: Shop) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        quotes = list(pool.map(partial(_change_quote, shop), range(QUOTES)))
    at_stripe = {one["id"]: one for one in shop.sessions()}

    superseded: Counter[str] = Counter()
    for payments, refusal in quotes:
        if refusal is not None:
            assert code_of(refusal) in PAYMENT_WINS, refusal.text
        for payment in payments if refusal is not None else payments[:-1]:
            superseded[_check_status(shop, at_stripe[payment["stripe_session_id"]])] += 1
    current = {payments[-1]["stripe_session_id"] for payments, _ in quotes}
    payable = {id_ for id_, one in at_stripe.items() if one["status"] == "open"} - current
    print(f"quotes: {len(quotes)}, superseded payments by who has won: {dict(superseded)}, payable: {len(payable)}")
    assert (payable, superseded["caller"] > 0) == (set(), True)
