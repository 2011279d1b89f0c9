import pytest

from lea_payments.pages import views
from lea_payments.pages.views import View, view_of
from lea_payments.payment.record import Payment, Status
from lea_payments.payment.rules import RULES
from lea_payments.telemetry import metrics


def record(status: Status, rank: int) -> Payment:
    return Payment(payment_intent_id="payment_1", payment_status=status, status_rank=rank)


@pytest.mark.parametrize(
    ("status", "rank", "view"),
    [
        (Status.PENDING, 0, views.CONFIRMING),
        (Status.FAILED, 10, views.DECLINED),
        (Status.EXPIRED, 20, views.EXPIRED),
        (Status.PENDING, 30, views.AWAITING_FUNDS),
        (Status.FAILED, 40, views.FAILED),
        (Status.PENDING, 45, views.IN_REVIEW),
        (Status.COMPLETED, 50, views.COMPLETED),
    ],
)
def test_each_state_of_a_payment_has_a_page(status: Status, rank: int, view: View) -> None:
    assert view_of(record(status, rank), waited=0) == view


def test_every_rank_that_events_lead_to_has_a_page() -> None:
    assert {rule.rank for rule in RULES.values()} <= set(views.BY_RANK)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("rank", [0, 20, 45, 50, 99])
def test_a_status_set_by_hand_is_shown_whatever_the_rank(status: Status, rank: int) -> None:
    shown = view_of(record(status, rank), waited=0).status

    assert shown == status or (status is Status.PENDING and shown in ("confirming", "processing"))


@pytest.mark.parametrize(("waited", "view"), [(0, views.CONFIRMING), (59, views.CONFIRMING), (60, views.UNKNOWN)])
def test_an_unknown_session_is_confirming_for_a_minute(waited: int, view: View) -> None:
    assert view_of(None, waited) == view


def test_a_pending_payment_is_never_given_up() -> None:
    payment = record(Status.PENDING, 0)

    assert view_of(payment, 59) == views.CONFIRMING
    assert view_of(payment, 60) == views.OVERDUE
    assert view_of(payment, 10**9) == views.OVERDUE._replace(again=views.SELDOM)


@pytest.mark.parametrize("rank", views.BY_RANK)
def test_a_page_that_nobody_closed_looks_again_seldom_or_never(rank: int) -> None:
    status = next(
        status for status in Status if view_of(record(status, rank), 0).template == views.BY_RANK[rank].template
    )

    assert view_of(record(status, rank), views.EAGER_SECONDS).again in (None, views.SELDOM)


@pytest.mark.parametrize("view", [views.COMPLETED, views.FAILED, views.EXPIRED, views.UNKNOWN, views.CANCELLED])
def test_a_final_page_stands_still(view: View) -> None:
    assert view.again is None


def test_every_page_that_looks_up_a_payment_is_counted_from_zero() -> None:
    looked_up = {*views.BY_RANK.values(), views.OVERDUE, views.UNKNOWN, views.UNAVAILABLE}

    assert {("success", view.status) for view in looked_up} == {page for page in metrics.PAGES if page[0] == "success"}
