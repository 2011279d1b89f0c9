import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from lea_payments.pages import views
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit, links_for

NOW = 1_800_000_000
SESSION = "session_id=cs_test_a1B2"


def visit(query: str) -> Visit:
    return Visit.of(QueryParams(query), NOW)


@pytest.mark.parametrize("session_id", ["cs_test_a1B2", "cs_live_" + "a" * 58, "cs_test_0"])
def test_stripes_session_ids_are_taken(session_id: str) -> None:
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
def test_anything_else_is_no_session_id(query: str) -> None:
    assert visit(query).session_id is None


def test_a_first_look_starts_the_wait_now() -> None:
    assert visit(SESSION).since == NOW
    assert visit(SESSION).waited == 0


def test_a_refresh_carries_the_start_of_the_wait() -> None:
    first = visit(SESSION)
    again = Visit.of(QueryParams(first.address(updates=True, afresh=False)[1:]), NOW + 5)

    assert again == Visit("cs_test_a1B2", NOW, 5, updates=True)


@pytest.mark.parametrize("since", [str(NOW + 1), "9" * 12, "9" * 5000, "-5", "1e3", "soon", "", "%D9%A1"])
def test_a_start_that_cannot_be_true_is_now_so_that_the_minute_ends(since: str) -> None:
    assert visit(f"{SESSION}&since={since}").since == NOW


@given(st.text())
def test_no_start_makes_the_wait_negative(since: str) -> None:
    assert Visit.of(QueryParams({"since": since}), NOW).waited >= 0


def test_stopping_the_updates_leaves_a_link_to_look_again() -> None:
    links = links_for(views.CONFIRMING, visit(f"{SESSION}&updates=off"))

    assert links is not None
    assert links.stop is None
    assert links.again == f"?{SESSION}&since={NOW}&updates=off"


@pytest.mark.parametrize("view", [views.UNAVAILABLE, views.UNKNOWN])
def test_after_a_page_without_an_answer_the_minute_starts_afresh(view: View) -> None:
    links = links_for(view, visit(f"{SESSION}&since=1"))

    assert links is not None
    assert links.again == f"?{SESSION}"


@pytest.mark.parametrize("view", [views.COMPLETED, views.FAILED, views.EXPIRED])
def test_a_final_page_has_no_links(view: View) -> None:
    assert links_for(view, visit(SESSION)) is None


def test_a_malformed_id_leads_nowhere() -> None:
    assert links_for(views.UNKNOWN, visit("session_id=x")) is None
