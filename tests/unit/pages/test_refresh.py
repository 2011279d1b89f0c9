import pytest

from lea_payments.pages import views
from lea_payments.pages.refresh import SPREAD_PERCENT, refresh_seconds, refresh_steps
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit

NOW = 1_800_000_000
VISIT = Visit("cs_test_a1", NOW)
LATEST = (1 + SPREAD_PERCENT / 100) * views.BACKOFF_SECONDS[-1]


def _planned(view: View, visit: Visit) -> int:
    """The seconds of the plan, without what spreads the pages."""
    seconds = refresh_seconds(view, visit)
    (planned,) = [step for step in (5, *views.BACKOFF_SECONDS) if step <= seconds <= step * (1 + SPREAD_PERCENT / 100)]
    return planned


STEPS = [(0, 10), (9, 10), (10, 30), (39, 30), (40, 60), (99, 60), (100, 120), (219, 120), (220, 300), (10**9, 300)]


@pytest.mark.parametrize(("waited", "seconds"), STEPS)
def test_pages_of_an_outage_refresh_less_and_less_often(waited: int, seconds: int) -> None:
    assert _planned(views.UNAVAILABLE, VISIT._replace(outage=NOW - waited)) == seconds


@pytest.mark.parametrize("view", [views.AWAITING_FUNDS, views.DECLINED, views.LEFT], ids=lambda view: view.template)
@pytest.mark.parametrize(("waited", "seconds"), STEPS)
def test_a_page_of_a_payment_counts_from_the_visit(view: View, waited: int, seconds: int) -> None:
    """Not from the payment's last event: a visit on the next day would refresh every five minutes at once."""
    assert _planned(view, VISIT._replace(since=NOW - waited)) == seconds


@pytest.mark.parametrize(("waited", "seconds"), [(0, 5), (59, 5)])
def test_a_page_that_confirms_refreshes_often(waited: int, seconds: int) -> None:
    assert _planned(views.CONFIRMING, VISIT._replace(since=NOW - waited)) == seconds


@pytest.mark.parametrize(("waited", "seconds"), [(60, 10), (70, 30), (100, 60), (160, 120), (280, 300)])
def test_an_overdue_page_counts_from_its_first_minute(waited: int, seconds: int) -> None:
    assert _planned(views.OVERDUE, VISIT._replace(since=NOW - waited)) == seconds


@pytest.mark.parametrize("view", [views.IN_REVIEW, views.FAILED_REPLACED, views.EXPIRED_REPLACED])
def test_what_only_a_person_can_change_refreshes_rarely(view: View) -> None:
    assert _planned(view, VISIT) == 300


@pytest.mark.parametrize("session_id", [f"cs_test_{number}" for number in range(5)])
def test_a_script_gets_the_same_steps(session_id: str) -> None:
    visit = VISIT._replace(session_id=session_id)
    starts = [NOW - waited for waited in (0, 10, 40, 100, 220)]

    assert refresh_steps(views.DECLINED, visit) == [
        refresh_seconds(views.DECLINED, visit._replace(since=since)) for since in starts
    ]


def test_the_pages_of_an_outage_are_spread() -> None:
    outage = VISIT._replace(outage=NOW - 3600)

    seconds = [refresh_seconds(views.UNAVAILABLE, outage._replace(session_id=f"cs_test_{n}")) for n in range(500)]

    assert (min(seconds), max(seconds)) == (300, LATEST)
    assert max(seconds.count(one) for one in set(seconds)) < 100


@pytest.mark.parametrize("session_id", [f"cs_test_{number}" for number in range(5)])
def test_a_page_asks_for_each_step_once(session_id: str) -> None:
    visit, steps = VISIT._replace(session_id=session_id, outage=NOW), []
    for _ in range(6):
        steps.append(_planned(views.UNAVAILABLE, visit))
        visit = visit._replace(now=visit.now + refresh_seconds(views.UNAVAILABLE, visit))

    assert steps == [*views.BACKOFF_SECONDS, views.BACKOFF_SECONDS[-1]]
