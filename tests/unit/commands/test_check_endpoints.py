from collections.abc import Iterable

import pytest
import stripe

from lea_payments.commands.checks import endpoints
from lea_payments.commands.checks.finding import Finding
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.stripe.events import EVENT_TYPES, REQUIRED_EVENT_TYPES
from tests.support.scripted_stripe import Response, ScriptedStripe


def _endpoint(number: int, **fields: object) -> dict[str, object]:
    url = f"https://shop{number}.example/other"
    endpoint = {"id": f"we_{number}", "url": url, "status": "enabled", "enabled_events": list(EVENT_TYPES)}
    return endpoint | {"api_version": stripe.api_version} | fields


def _page(*objects: object, has_more: bool = False) -> Response:
    return Response(body={"object": "list", "data": objects, "has_more": has_more})


def _findings(scripted: ScriptedStripe) -> list[Finding]:
    client = stripe.StripeClient("sk_test_1", http_client=scripted)
    return list(endpoints.findings(client, CheckSettings.model_validate({}), None))


def test_an_endpoint_on_the_second_page_is_checked() -> None:
    ours = _endpoint(101, url="https://payments.example/webhook/stripe")
    scripted = ScriptedStripe(_page(*map(_endpoint, range(100)), has_more=True), _page(ours))

    findings = _findings(scripted)

    assert {finding.subject for finding in findings} == {"endpoint we_101"}
    assert [request.get("starting_after") for request in scripted.requests] == [None, "we_99"]


def test_an_endpoint_on_the_last_of_many_pages_is_checked() -> None:
    ours = _endpoint(9999, url="https://payments.example/webhook/stripe")
    pages = [_page(*map(_endpoint, range(100 * page, 100 * page + 100)), has_more=True) for page in range(12)]
    scripted = ScriptedStripe(*pages, _page(ours))

    findings = _findings(scripted)

    assert {finding.subject for finding in findings} == {"endpoint we_9999"}
    assert len(scripted.requests) == 13


@pytest.mark.parametrize("enabled", [REQUIRED_EVENT_TYPES, EVENT_TYPES], ids=["without it", "with it"])
def test_an_optional_type_of_event_is_no_finding(enabled: Iterable[str]) -> None:
    ours = _endpoint(1, url="https://payments.example/webhook/stripe", enabled_events=list(enabled))

    findings = _findings(ScriptedStripe(_page(ours)))

    assert {finding.state for finding in findings} == {"ok"}
    assert f"sends all {len(REQUIRED_EVENT_TYPES)} event types that the services need" in {
        finding.says for finding in findings
    }


@pytest.mark.parametrize("last", [[_endpoint(1)], []], ids=["the same again", "empty"])
def test_a_list_that_brings_nothing_new_has_ended(last: list[object]) -> None:
    """Although it says that it has more."""
    scripted = ScriptedStripe(_page(_endpoint(1), has_more=True), _page(*last, has_more=True))

    (finding,) = _findings(scripted)

    assert "no endpoint of 1 has the path" in finding.says
    assert len(scripted.requests) == 2


@pytest.mark.parametrize(
    "odd",
    [{"id": "we_1"}, _endpoint(1, url=5), _endpoint(1, enabled_events="*"), "we_1", None],
    ids=["no url", "url", "events", "text", "null"],
)
def test_odd_endpoints_cannot_be_checked(odd: object) -> None:
    (finding,) = _findings(ScriptedStripe(_page(odd)))

    assert (finding.state, finding.subject) == ("wrong", "endpoint")


def test_an_endpoint_with_an_invalid_url_is_another_one() -> None:
    (finding,) = _findings(ScriptedStripe(_page(_endpoint(1, url="https://[x/webhook/stripe"))))

    assert "no endpoint of 1" in finding.says
