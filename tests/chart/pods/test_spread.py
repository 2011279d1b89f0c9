"""Checks over which nodes the pods of a service are spread, and which values decide on that."""

from typing import Any

import pytest

from tests.chart.rendered import REPLICATED, Rendered, Values, ci, merged, render

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
NODE_AFFINITY = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]}


@pytest.fixture(scope="module")
def release() -> Rendered:
    return render(ci("emulator"))


def spec(service: str, values: Values) -> dict[str, Any]:
    """The spec of a service's pods, with these values and the emulator."""
    pod: dict[str, Any] = render(merged(ci("emulator"), values)).pods()[service]["spec"]
    return pod


@pytest.mark.parametrize("service", REPLICATED)
def test_the_pods_of_a_service_prefer_different_hosts(release: Rendered, service: str) -> None:
    pod = release.pods()[service]
    anti_affinity = pod["spec"]["affinity"]["podAntiAffinity"]
    (preference,) = anti_affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    term = preference["podAffinityTerm"]

    assert anti_affinity.keys() == {"preferredDuringSchedulingIgnoredDuringExecution"}, (
        "a single node must run all pods"
    )
    assert (preference["weight"], term["topologyKey"]) == (100, HOST)
    assert term["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize("service", REPLICATED)
def test_spreading_over_hosts_needs_no_zone_label(release: Rendered, service: str) -> None:
    """The scheduler scores no node that lacks the label of any preferred constraint, so the two stand apart."""
    constraints = release.pods()[service]["spec"]["topologySpreadConstraints"]

    assert [one["topologyKey"] for one in constraints] == [ZONE]
    assert [one["whenUnsatisfiable"] for one in constraints] == ["ScheduleAnyway"]


@pytest.mark.parametrize("service", REPLICATED)
def test_a_rollout_does_not_count_the_pods_it_replaces(release: Rendered, service: str) -> None:
    pod = release.pods()[service]["spec"]
    (preference,) = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]

    for one in (preference["podAffinityTerm"], *pod["topologySpreadConstraints"]):
        assert one["matchLabelKeys"] == ["pod-template-hash"]


def test_pods_that_run_alone_are_not_spread(release: Rendered) -> None:
    alone = {name: pod["spec"] for name, pod in release.pods().items() if name not in REPLICATED}

    assert not [name for name, one in alone.items() if one.keys() & {"affinity", "topologySpreadConstraints"}]


def test_node_affinity_keeps_the_spread_over_hosts() -> None:
    pod = spec("webhook", {"affinity": {"nodeAffinity": NODE_AFFINITY}})

    assert pod["affinity"].keys() == {"nodeAffinity", "podAntiAffinity"}


def test_an_own_anti_affinity_replaces_the_one_over_hosts() -> None:
    own: dict[str, Any] = {"requiredDuringSchedulingIgnoredDuringExecution": []}
    values = {"webhook": {"affinity": {"podAntiAffinity": own}}}

    assert spec("webhook", values)["affinity"] == {"podAntiAffinity": own}
    assert "preferredDuringSchedulingIgnoredDuringExecution" in spec("pages", values)["affinity"]["podAntiAffinity"]


@pytest.mark.parametrize(
    ("spread", "fields"),
    [
        ({"overHosts": False}, {"topologySpreadConstraints"}),
        ({"keys": []}, {"affinity"}),
        ({"overHosts": False, "keys": []}, set()),
    ],
    ids=str,
)
def test_each_spread_can_be_turned_off(spread: dict[str, Any], fields: set[str]) -> None:
    pod = spec("webhook", {"topologySpread": spread})

    assert pod.keys() & {"affinity", "topologySpreadConstraints"} == fields


def test_a_hard_constraint_ignores_cordoned_nodes() -> None:
    """Otherwise a drained node, which can run no pod, would leave pods pending."""
    values = {"topologySpread": {"keys": [HOST], "whenUnsatisfiable": "DoNotSchedule"}}
    (constraint,) = spec("webhook", values)["topologySpreadConstraints"]

    assert (constraint["maxSkew"], constraint["nodeTaintsPolicy"]) == (1, "Honor")


def test_a_complete_constraint_gets_the_selector_of_its_service() -> None:
    own = {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    other = {**own, "labelSelector": {"matchLabels": {"a": "b"}}}
    release = render(merged(ci("emulator"), {"topologySpreadConstraints": [own, other]}))
    first, second = release.pods()["pages"]["spec"]["topologySpreadConstraints"]

    assert first["labelSelector"]["matchLabels"].items() <= release.pods()["pages"]["metadata"]["labels"].items()
    assert {key: first[key] for key in own} == own
    assert second == other


def test_a_service_can_have_constraints_of_its_own() -> None:
    pods = render(ci("company")).pods()
    keys = {
        name: [one["topologyKey"] for one in pods[name]["spec"]["topologySpreadConstraints"]] for name in REPLICATED
    }

    assert keys == {"webhook": [HOST], "pages": [ZONE], "checkout": [ZONE]}
