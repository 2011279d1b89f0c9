import pytest
from msgspec.structs import replace

from lea_payments.pages import views
from lea_payments.pages.views import View, view_of
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import Fact, Facts, Kind
from lea_payments.payment.record import Payment, Status
from lea_payments.payment.situations import Situation
from lea_payments.telemetry import metrics

CURRENT, FORMER = "cs_test_b", "cs_test_a"
RECORD = Payment(
    payment_intent_id="payment_1",
    stripe_session_id=CURRENT,
    other_session_id=FORMER,
    checkout_attempt=2,
    amount=4999,
    currency="sgd",
)


def session(state: str, attempt: int = 2, amount: int | None = 4999, intent: str | None = "pi_a") -> Fact:
    return Fact(kind=Kind.SESSION, state=state, attempt=attempt, amount=amount, currency="sgd", intent=intent)


DECLINED = Fact(kind=Kind.INTENT, state="declined", code="card_declined", attempt=2)
FACTS: dict[str, tuple[Facts, View]] = {
    "nothing yet": ({}, views.CONFIRMING),
    "declined": ({"pi_a": DECLINED}, views.DECLINED),
    "expired": ({CURRENT: session("expired")}, views.EXPIRED),
    "money on its way": ({CURRENT: session("unpaid")}, views.AWAITING_FUNDS),
    "delayed payment failed": ({CURRENT: session("failed")}, views.FAILED),
    "another amount": ({CURRENT: session("paid", amount=1)}, views.IN_REVIEW),
    "paid": ({CURRENT: session("paid")}, views.COMPLETED),
    "paid twice": ({CURRENT: session("paid"), FORMER: session("paid", 1, intent="pi_b")}, views.COMPLETED),
}


def view(facts: Facts, opened: str = CURRENT, waited_seconds: int = 0) -> View:
    return view_of(replace(RECORD, facts=facts), opened, waited_seconds)


@pytest.mark.parametrize(("facts", "expected"), FACTS.values(), ids=FACTS)
def test_each_state_of_a_payment_has_a_page(facts: Facts, expected: View) -> None:
    assert view(facts) == expected


@pytest.mark.parametrize("opened", [CURRENT, FORMER])
def test_each_session_of_a_canceled_payment_has_its_page(opened: str) -> None:
    canceled = replace(RECORD, canceled_at="2026-01-01T00:00:00.000Z", facts={opened: session("expired")})

    assert view_of(canceled, opened, 0) == views.CANCELED


def test_every_situation_has_a_page() -> None:
    assert set(views.BY_SITUATION) == set(Situation)


@pytest.mark.parametrize("former_state", ["expired", "failed", None])
@pytest.mark.parametrize("state", ["paid", "unpaid"])
def test_money_in_any_session_counts_for_each_session(state: str, former_state: str | None) -> None:
    former = {FORMER: session(former_state, 1)} if former_state else {}

    assert view({**former, CURRENT: session(state)}, FORMER) == view({CURRENT: session(state)})


@pytest.mark.parametrize(
    ("state", "expected"), [("unpaid", views.AWAITING_FUNDS), ("odd", views.AWAITING_FUNDS), ("paid", views.COMPLETED)]
)
def test_money_in_a_former_session_counts_for_the_current_one(state: str, expected: View) -> None:
    assert view({FORMER: session(state, 1)}, CURRENT) == view({FORMER: session(state, 1)}, FORMER) == expected


@pytest.mark.parametrize(
    ("state", "current", "expected"),
    [
        ("failed", {}, views.FAILED_REPLACED),
        ("expired", {}, views.EXPIRED_REPLACED),
        ("failed", {"pi_b": DECLINED}, views.FAILED_REPLACED),
        ("failed", {CURRENT: session("expired")}, views.FAILED),
        ("expired", {CURRENT: session("failed")}, views.EXPIRED),
    ],
    ids=["failed", "expired", "new link declined", "new link expired", "new payment failed"],
)
def test_a_former_session_that_ended_has_its_own_page(state: str, current: Facts, expected: View) -> None:
    assert view({FORMER: session(state, 1), **current}, FORMER) == expected


def test_a_former_session_without_a_fact_is_confirming() -> None:
    """Its event can still be on its way, so the customer must not pay again."""
    assert view({}, FORMER) == views.CONFIRMING


def test_the_end_of_a_former_session_leaves_the_current_one() -> None:
    assert view({FORMER: session("failed", 1)}, CURRENT) == views.CONFIRMING


@pytest.mark.parametrize(("state", "expected"), [("unpaid", views.AWAITING_FUNDS), ("failed", views.FAILED)])
def test_a_recovered_session_belongs_to_the_attempt(state: str, expected: View) -> None:
    """Stripe creates it from the expired session, with the same metadata."""
    facts = {CURRENT: session("expired"), "cs_test_recovered": session(state)}

    assert view(facts, "cs_test_recovered") == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({CURRENT: session("paid", amount=0, intent=None)}, views.IN_REVIEW_UNPAID),
        ({CURRENT: session("paid", amount=0)}, views.IN_REVIEW_UNPAID),
        ({CURRENT: session("paid", amount=None, intent=None)}, views.IN_REVIEW_UNPAID),
        (
            {CURRENT: session("paid", amount=0, intent=None), FORMER: session("paid", 1, amount=1)},
            views.IN_REVIEW,
        ),
    ],
    ids=["promotion code", "amount 0", "no PaymentIntent", "another session has money"],
)
def test_a_review_without_money_does_not_claim_money(facts: Facts, expected: View) -> None:
    assert view(facts) == expected


@pytest.mark.parametrize(("amount", "expected"), [(0, views.COMPLETED_FREE), (None, views.COMPLETED)])
def test_a_payment_of_nothing_does_not_claim_money(amount: int | None, expected: View) -> None:
    record = replace(RECORD, amount=None, facts={CURRENT: session("paid", amount=amount, intent=None)})

    assert view_of(record, CURRENT, 0) == expected


@pytest.mark.parametrize("rank", [None, 0, 20, 45, 50, 99])
@pytest.mark.parametrize("status", Status)
def test_a_status_set_by_hand_is_shown_at_any_rank(status: Status, rank: int | None) -> None:
    by_hand = replace(RECORD, checkout_attempt=0, payment_status=status, status_rank=rank)

    view_status = view_of(replace(by_hand, facts=with_evidence(by_hand)), CURRENT, 0).status

    assert view_status == status or (status is Status.PENDING and view_status in ("confirming", "processing"))


@pytest.mark.parametrize(
    ("waited_seconds", "expected"), [(0, views.CONFIRMING), (59, views.CONFIRMING), (60, views.UNKNOWN)]
)
def test_an_unknown_session_is_confirming_for_a_minute(waited_seconds: int, expected: View) -> None:
    assert view_of(None, CURRENT, waited_seconds) == expected


def test_a_pending_payment_stays_processing() -> None:
    assert view({}, waited_seconds=59) == views.CONFIRMING
    assert view({}, waited_seconds=60) == views.OVERDUE
    assert view({}, waited_seconds=10**9) == views.OVERDUE


@pytest.mark.parametrize(
    "page",
    [
        views.COMPLETED,
        views.COMPLETED_FREE,
        views.FAILED,
        views.EXPIRED,
        views.UNKNOWN,
        views.LEFT_UNKNOWN,
        views.REFUNDED,
    ],
    ids=lambda page: page.template,
)
def test_a_final_page_does_not_refresh(page: View) -> None:
    assert not page.refreshes


def test_every_status_of_the_success_page_has_a_series() -> None:
    payment_views = {*views.BY_SITUATION.values(), *views.BY_FORMER_SESSION.values(), views.COMPLETED_FREE}
    success_views = {*payment_views, views.OVERDUE, views.UNKNOWN, views.UNAVAILABLE}

    assert {("success", page.status) for page in success_views} == {
        page for page in metrics.PAGES if page[0] == "success"
    }


def test_every_status_of_the_cancel_page_has_a_series() -> None:
    payment_views = {*views.BY_SITUATION.values(), *views.BY_FORMER_SESSION.values()} - {views.CONFIRMING}
    cancel_views = {*payment_views, views.LEFT, views.LEFT_UNKNOWN, views.UNAVAILABLE}

    assert {("cancel", page.status) for page in cancel_views} == {page for page in metrics.PAGES if page[0] == "cancel"}


@pytest.mark.parametrize(("facts", "expected"), FACTS.values(), ids=FACTS)
def test_a_customer_who_left_sees_the_payment_as_it_is(facts: Facts, expected: View) -> None:
    page = views.view_after_leaving(replace(RECORD, facts=facts), CURRENT)

    assert page == (views.LEFT if expected is views.CONFIRMING else expected)


def refund(state: str, amount: int = 4999, intent: str = "pi_a") -> Fact:
    return Fact(kind=Kind.REFUND, state=state, amount=amount, intent=intent)


PAYER = replace(RECORD, stripe_payment_intent="pi_a", facts={CURRENT: session("paid")})
DUPLICATE = {FORMER: session("paid", 1, intent="pi_b")}


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        ({"re_1": refund("succeeded")}, views.REFUNDED),
        ({"re_1": refund("succeeded", 4998)}, views.COMPLETED),
        ({"re_1": refund("pending")}, views.REFUND_ON_ITS_WAY),
        ({"re_1": refund("succeeded", 999), "re_2": refund("pending", 4000)}, views.REFUND_ON_ITS_WAY),
        ({"re_1": refund("pending", 100)}, views.COMPLETED),
        ({"re_1": refund("requires_action", 100)}, views.REFUND_NEEDS_DETAILS),
        ({"re_1": refund("failed", 100)}, views.REFUND_FAILED),
        ({"re_1": refund("failed"), "re_2": refund("succeeded")}, views.REFUNDED),
        ({"re_1": refund("canceled")}, views.COMPLETED),
        ({"re_1": refund("failed", 100), "re_2": refund("requires_action", 100)}, views.REFUND_FAILED),
        ({**DUPLICATE, "re_1": refund("failed", intent="pi_b")}, views.REFUND_FAILED),
        ({**DUPLICATE, "re_1": refund("requires_action", intent="pi_b")}, views.REFUND_NEEDS_DETAILS),
        ({**DUPLICATE, "re_1": refund("succeeded", intent="pi_b")}, views.COMPLETED),
    ],
    ids=[
        *("full", "all but a cent", "on its way", "half on its way", "part on its way", "needs details"),
        *("failed", "failed, then full", "canceled", "failed and needs details"),
        *("duplicate failed", "duplicate needs details", "duplicate refunded"),
    ],
)
def test_a_refund_decides_the_heading_of_a_paid_page(refunds: Facts, expected: View) -> None:
    assert view_of(replace(PAYER, facts={**PAYER.facts, **refunds}), CURRENT, 0) == expected


@pytest.mark.parametrize(("amount", "expected"), [(1, views.REFUNDED_IN_REVIEW), (0, views.IN_REVIEW)])
def test_a_review_that_was_refunded_says_so(amount: int, expected: View) -> None:
    facts = {CURRENT: session("paid", amount=1), "re_1": refund("succeeded", amount)}

    assert view_of(replace(PAYER, facts=facts), CURRENT, 0) == expected
