import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from lea_payments.pages import views
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit, canonical_url, links_for

NOW = 1_800_000_000
SESSION = "session_id=cs_test_a1B2"


def visit(query: str) -> Visit:
    return Visit.from_query(QueryParams(query), NOW)


@pytest.mark.parametrize("session_id", ["cs_test_a1B2", "cs_live_" + "a" * 58, "cs_test_0"])
def test_a_session_id_of_stripe_is_accepted(session_id: str) -> None:
    assert visit(f"session_id={session_id}").session_id == session_id


@pytest.mark.parametrize(
    "query",
    [
        "",
        "session_id=",
        "session_id={CHECKOUT_SESSION_ID}",
        "session_id=%7BCHECKOUT_SESSION_ID%7D",
        "session_id=cs_test_",
        "session_id=cs_other_a1",
        "session_id=pi_a1",
        "session_id=cs_test_a-1",
        "session_id=cs_test_a%0A",
        "session_id=cs_test_%D9%A1",
        "session_id=cs_test_" + "a" * 201,
        f"{SESSION}&{SESSION}",
        "SESSION_ID=cs_test_a1",
    ],
)
def test_anything_else_is_not_a_session_id(query: str) -> None:
    assert visit(query).session_id is None


def test_the_wait_starts_with_the_first_visit() -> None:
    assert visit(SESSION).next(views.CONFIRMING).since == NOW
    assert visit(SESSION).waited_seconds == 0


def test_a_reload_keeps_the_start_of_the_wait() -> None:
    first = visit(SESSION)
    second = Visit.from_query(QueryParams(first.next(views.CONFIRMING).url()[1:]), NOW + 5)

    assert second == Visit("cs_test_a1B2", NOW + 5, NOW)
    assert second.waited_seconds == 5


@pytest.mark.parametrize("since", [str(NOW + 1), "9" * 12, "9" * 5000, "-5", "1e3", "soon", "", "%D9%A1"])
def test_an_invalid_start_counts_as_now(since: str) -> None:
    assert visit(f"{SESSION}&since={since}").since == NOW


@given(st.text())
def test_the_wait_is_never_negative(since: str) -> None:
    read = Visit.from_query(QueryParams({"since": since, "outage": since}), NOW)

    assert min(read.waited_seconds, read.outage_seconds) >= 0


def test_without_updates_there_is_still_a_reload_link() -> None:
    links = links_for(views.CONFIRMING, visit(f"{SESSION}&updates=off"))

    assert links is not None
    assert links.stop is None
    assert links.reload == f"?{SESSION}&since={NOW}&updates=off"


@pytest.mark.parametrize("view", [views.INTERNAL_ERROR, views.UNKNOWN])
def test_a_failed_page_restarts_the_wait(view: View) -> None:
    links = links_for(view, visit(f"{SESSION}&since=1&outage=2"))

    assert links is not None
    assert links.reload == f"?{SESSION}"


@pytest.mark.parametrize(("query", "start"), [("&since=1", NOW), ("&outage=2", 2)], ids=["first", "later"])
def test_an_outage_restarts_the_wait_and_is_timed_itself(query: str, start: int) -> None:
    assert visit(SESSION + query).next(views.UNAVAILABLE).url() == f"?{SESSION}&outage={start}"


CHANGING = [view for view in views.ALL if view.refreshes]


@pytest.mark.parametrize("view", CHANGING, ids=lambda view: view.template)
@pytest.mark.parametrize("query", ["", "&since=1", "&outage=2", "&since=1&updates=off"])
def test_a_page_that_stays_the_same_keeps_its_url(view: View, query: str) -> None:
    """A browser adds another URL to its history, but not a reload."""
    second = visit(SESSION + query).next(view)

    assert second.next(view) == second


@pytest.mark.parametrize("query", ["", "&since=1"])
def test_a_page_that_counts_nothing_keeps_its_first_url(query: str) -> None:
    links = links_for(views.IN_REVIEW, visit(SESSION + query))

    assert links is not None
    assert links.reload == f"?{SESSION}{query}"


@pytest.mark.parametrize("view", [views.COMPLETED, views.FAILED, views.EXPIRED])
def test_a_final_page_has_no_links(view: View) -> None:
    assert links_for(view, visit(SESSION)) is None


def test_a_malformed_session_id_has_no_links() -> None:
    assert links_for(views.UNKNOWN, visit("session_id=x")) is None


def test_a_page_without_a_visit_has_no_links() -> None:
    assert links_for(views.LEFT, None) is None


def test_a_page_that_updates_can_be_stopped() -> None:
    links = links_for(views.CONFIRMING, visit(SESSION))

    assert links is not None
    assert links.reload == f"?{SESSION}&since={NOW}"
    assert links.stop == f"?{SESSION}&since={NOW}&updates=off"


def test_a_page_that_does_not_refresh_cannot_be_stopped() -> None:
    links = links_for(views.UNKNOWN, visit(SESSION))

    assert links is not None
    assert links.stop is None


@pytest.mark.parametrize("view", [view for view in CHANGING if view.http_status == 200], ids=lambda view: view.template)
@pytest.mark.parametrize("query", ["", "&since=1", "&outage=2", "&updates=off"])
def test_a_page_is_redirected_at_most_once(view: View, query: str) -> None:
    """Its refreshes then go to the URL that it has, and add nothing to the browser's history."""
    first = visit(SESSION + query)
    url = canonical_url(view, first)
    final = visit(url[1:]) if url else first
    links = links_for(view, final)

    assert canonical_url(view, final) is None
    assert links is not None
    assert links.reload == final.url()


@pytest.mark.parametrize("view", [views.COMPLETED, views.UNKNOWN, views.UNAVAILABLE, views.LEFT_UNKNOWN])
def test_a_final_page_and_an_error_are_shown_at_once(view: View) -> None:
    assert canonical_url(view, visit(SESSION)) is None
