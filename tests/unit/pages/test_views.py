import pytest
from lea_payments.payment.rules import RULES

from lea_payments.pages import views
from lea_payments.pages.views import View, view_of
from lea_payments.payment.record import Payment, Status
from lea_payments.telemetry import metrics


def record(status: Status, rank: int) -> Payment:
    return Payment(payment_intent_id="payment_1", payment_status=status, status_rank=rank, stripe_payment_intent="pi_a")


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
    assert view_of(record(status, rank), waited_seconds=0) == view


def test_a_review_without_money_does_not_claim_money() -> None:
    free = Payment(payment_intent_id="payment_1", payment_status=Status.PENDING, status_rank=45)

    assert view_of(free, waited_seconds=0) == views.IN_REVIEW_UNPAID


def test_every_rank_has_a_page() -> None:
    assert {rule.rank for rule in RULES.values()} <= set(views.BY_RANK)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("rank", [0, 20, 45, 50, 99])
def test_a_status_set_by_hand_is_shown_at_any_rank(status: Status, rank: int) -> None:
    view_status = view_of(record(status, rank), waited_seconds=0).status

    assert view_status == status or (status is Status.PENDING and view_status in ("confirming", "processing"))


@pytest.mark.parametrize(
    ("waited_seconds", "view"), [(0, views.CONFIRMING), (59, views.CONFIRMING), (60, views.UNKNOWN)]
)
def test_an_unknown_session_is_confirming_for_a_minute(waited_seconds: int, view: View) -> None:
    assert view_of(None, waited_seconds) == view


def test_a_pending_payment_stays_processing() -> None:
    payment = record(Status.PENDING, 0)

    assert view_of(payment, 59) == views.CONFIRMING
    assert view_of(payment, 60) == views.OVERDUE
    assert view_of(payment, 10**9) == views.OVERDUE._replace(refresh_seconds=views.RARE_REFRESH_SECONDS)


@pytest.mark.parametrize("rank", views.BY_RANK)
def test_a_page_that_stays_open_refreshes_rarely_or_never(rank: int) -> None:
    status = next(
        status for status in Status if view_of(record(status, rank), 0).template == views.BY_RANK[rank].template
    )

    assert view_of(record(status, rank), views.FREQUENT_PERIOD_SECONDS).refresh_seconds in (
        None,
        views.RARE_REFRESH_SECONDS,
    )


@pytest.mark.parametrize("view", [views.COMPLETED, views.FAILED, views.EXPIRED, views.UNKNOWN, views.CANCELLED])
def test_a_final_page_does_not_refresh(view: View) -> None:
    assert view.refresh_seconds is None


def test_every_status_of_the_success_page_has_a_series() -> None:
    success_views = {*views.BY_RANK.values(), views.OVERDUE, views.UNKNOWN, views.UNAVAILABLE}

    assert {("success", view.status) for view in success_views} == {
        page for page in metrics.PAGES if page[0] == "success"
    }
