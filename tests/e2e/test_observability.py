"""Checks that a payment shows up in Prometheus, by the dashboards' own queries, and in Jaeger as connected traces."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.load.payments import pay
from tests.e2e.release import MONITORING, NAMESPACE, Release
from tests.support.waiting import until

SCRAPED = {"webhook": 2, "pages": 1, "checkout": 1, "reconciler": 1}
"""Service: the number of its pods with the local values."""


@pytest.fixture(scope="module")
def monitoring(cluster: Cluster, root: Path) -> Iterator[Cluster]:
    """Prometheus and Jaeger, as `skaffold dev` deploys them."""
    cluster.create_namespace(MONITORING)
    folder = str(root / "k8s-local" / "observability")
    manifests = cluster.kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", folder)
    cluster.kubectl("apply", "-f", "-", text=manifests)
    for name in ("prometheus", "jaeger"):
        cluster.kubectl("-n", MONITORING, "rollout", "status", f"deployment/{name}", "--timeout=120s")
    yield cluster
    cluster.kubectl("delete", "-f", "-", text=manifests)


@pytest.fixture(scope="module")
def prometheus(monitoring: Cluster, release: Release) -> Iterator[httpx.Client]:
    """The API of Prometheus, which scrapes the release through its NetworkPolicies."""
    assert release
    with (
        monitoring.forward(MONITORING, "service/prometheus", 9090, "/-/ready") as address,
        httpx.Client(base_url=f"{address}/api/v1", timeout=30) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def jaeger(monitoring: Cluster) -> Iterator[httpx.Client]:
    """The query API of Jaeger."""
    with (
        monitoring.forward(MONITORING, "service/jaeger", 16686, "/") as address,
        httpx.Client(base_url=f"{address}/api", timeout=30) as client,
    ):
        yield client


def _data(client: httpx.Client, path: str, **parameters: str) -> Any:
    return client.get(path, params=parameters).raise_for_status().json()["data"]


def _query(prometheus: httpx.Client, expression: str) -> list[Any]:
    result: list[Any] = _data(prometheus, "/query", query=expression)["result"]
    return result


def test_all_services_are_scraped_through_the_policies(prometheus: httpx.Client) -> None:
    expected = {service: str(count) for service, count in SCRAPED.items()}

    def all_are_up() -> bool:
        up = _query(prometheus, f'sum by (component) (up{{namespace="{NAMESPACE}"}})')
        return {one["metric"]["component"]: one["value"][1] for one in up} == expected

    until(all_are_up, f"{expected} to be up")


def test_the_running_revision_is_a_metric(prometheus: httpx.Client) -> None:
    def has_revision() -> bool:
        infos = _query(prometheus, f'payments_build_info{{namespace="{NAMESPACE}"}}')
        return bool(infos) and all(info["metric"].get("revision") for info in infos)

    until(has_revision, "payments_build_info with a revision")


def test_all_rules_are_evaluated_without_an_error(prometheus: httpx.Client) -> None:
    def healthy() -> bool:
        rules = [rule for group in _data(prometheus, "/rules")["groups"] for rule in group["rules"]]
        assert not [rule["lastError"] for rule in rules if rule.get("lastError")]
        return len(rules) > 0 and all(rule["health"] == "ok" for rule in rules)

    until(healthy, "all rules to be evaluated")


def test_a_completed_payment_shows_in_the_dashboards_query(
    prometheus: httpx.Client, release: Release, root: Path
) -> None:
    everything = dict.fromkeys(("cluster", "release"), ".*")
    variables = {**everything, "namespace": NAMESPACE, "currency": "sgd", "__range": "15m", "__rate_interval": "1m"}
    queries = _completed_queries(root / "dashboards" / "json" / "payment-outcomes.json", variables)
    assert queries
    # Prometheus sees an increase only if it has scraped the counter before.
    until(lambda: bool(_query(prometheus, 'payments_outcomes_total{outcome="completed"}')), "the first scrape")

    pay(release)

    def shows() -> bool:
        return all(any(float(one["value"][1]) > 0 for one in _query(prometheus, query)) for query in queries)

    until(shows, f"a completed payment in {queries}")


def _completed_queries(dashboard: Path, variables: dict[str, str]) -> list[str]:
    """The queries of a dashboard that count completed payments, with values for its variables."""
    queries = []
    for panel in _panels(json.loads(dashboard.read_text())):
        for target in panel.get("targets", []):
            query = str(target.get("expr", ""))
            if "payments_outcomes_total" in query and 'outcome="completed"' in query:
                for name, value in variables.items():
                    query = query.replace(f"${{{name}}}", value).replace(f"${name}", value)
                queries.append(query)
    return queries


def _panels(dashboard: Any) -> Iterator[Any]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def test_jaeger_connects_all_traces_of_a_payment(jaeger: httpx.Client, release: Release) -> None:
    payment_id, session = pay(release)
    with release.at("pages", "/readyz") as pages:
        assert httpx.get(f"{pages}/success", params={"session_id": session}, timeout=30).is_success

    def connected() -> bool:
        deliveries = _traces(jaeger, "webhook", payment_id)
        completed = [one for one in deliveries if _tag(one, "stripe.event.type") == "checkout.session.completed"]
        assert completed, f"no trace of the delivery for {payment_id}"
        spans = {span["operationName"]: span for span in completed[0]["spans"]}
        assert set(spans) >= {"POST /webhook/stripe", "payments.apply", "BatchExecuteStatement"}
        receipt, apply = spans["POST /webhook/stripe"], spans["payments.apply"]
        assert _parent(apply) == receipt["spanID"]
        assert spans["BatchExecuteStatement"]["spanID"] in _linked_spans(apply)
        checkout_traces = _linked_traces(receipt)
        traces = [_data(jaeger, f"/traces/{trace}")[0] for trace in checkout_traces]
        names = {span["operationName"] for trace in traces for span in trace["spans"]}
        views = [span for trace in _traces(jaeger, "pages", payment_id) for span in trace["spans"]]
        linked = [
            span
            for span in views
            if span["operationName"] == "GET /success" and _linked_traces(span) == checkout_traces
        ]
        return "POST /payments" in names and bool(linked)

    until(connected, "connected traces in Jaeger")


def _traces(jaeger: httpx.Client, service: str, payment_id: str) -> list[Any]:
    tags = json.dumps({"payments.payment.id": payment_id})
    name = f"lea-payments-{service}"
    traces: list[Any] = _data(jaeger, "/traces", service=name, tags=tags, lookback="1h", limit="20")
    return traces


def _tag(trace: Any, name: str) -> str | None:
    values = [tag["value"] for span in trace["spans"] for tag in span["tags"] if tag["key"] == name]
    return values[0] if values else None


def _parent(span: Any) -> str:
    return next(str(one["spanID"]) for one in span["references"] if one["refType"] == "CHILD_OF")


def _linked_spans(span: Any) -> set[str]:
    return {one["spanID"] for one in span["references"] if one["refType"] == "FOLLOWS_FROM"}


def _linked_traces(span: Any) -> set[str]:
    return {one["traceID"] for one in span["references"]} - {span["traceID"]}
