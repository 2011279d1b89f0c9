"""Checks the objects of every set of values in this repository."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.chart.rendered import (
    CHART,
    FEW_SETS,
    OPERATOR_KINDS,
    SETS,
    Object,
    Rendered,
    container,
    read,
    render,
)
from tests.linters import schemas
from tests.support.examples import examples

VERSIONED = {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}


@cache
def validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    """The validator of a kind."""
    return jsonschema.Draft202012Validator(schemas.schema(api_version, kind))


@cache
def validate(text: str) -> None:
    """Raises if Kubernetes does not know this object, in JSON. Cached, because most objects are in many sets."""
    one = json.loads(text)
    validator(one["apiVersion"], one["kind"]).validate(one)


@pytest.fixture(params=SETS)
def files(request: pytest.FixtureRequest) -> tuple[Path, ...]:
    return SETS[request.param]


@pytest.fixture
def release(files: tuple[Path, ...]) -> Rendered:
    return render(read(*files))


def test_kubernetes_knows_every_object_and_every_field(release: Rendered) -> None:
    objects = [one for one in release if one["kind"] not in OPERATOR_KINDS]

    assert objects
    for one in objects:
        validate(json.dumps(one))


@pytest.mark.parametrize("name", SETS if examples(0, 1) else FEW_SETS)
def test_helm_lint_reports_nothing(name: str) -> None:
    report = helm.lint(CHART, read(*SETS[name]), strict=True, namespace="lea")

    assert [message for message in report["messages"] if message["severity"] > 1] == []


def test_few_sets_render_every_template_of_all() -> None:
    few, every = ({file for name in names for file in render(read(*SETS[name])).by_file} for names in (FEW_SETS, SETS))

    assert few == every


def test_each_file_holds_one_kind_and_is_named_after_it(release: Rendered) -> None:
    for name, objects in release.by_file.items():
        assert {one["kind"].lower() for one in objects} == {Path(name).stem}, name


def test_names_are_unique_and_short_enough_for_dns(release: Rendered) -> None:
    names = Counter((one["kind"], one["metadata"]["name"]) for one in release)

    assert set(names.values()) == {1}
    assert all(len(name) <= 63 for _, name in names)


def test_every_pod_meets_the_restricted_standard(release: Rendered) -> None:
    for name, pod in release.pods().items():
        pod_context, container_context = pod["spec"]["securityContext"], container(pod)["securityContext"]

        assert pod_context["runAsNonRoot"] is True, name
        assert pod_context.get("runAsUser", 1000) >= 1000, name  # a platform that chooses users sets it
        assert pod_context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container_context["allowPrivilegeEscalation"] is False, name
        assert container_context["capabilities"] == {"drop": ["ALL"]}, name
        assert not pod["spec"].keys() & {"hostNetwork", "hostPID", "hostIPC"}, name
        assert all(volume.keys() & {"configMap", "emptyDir", "secret"} for volume in pod["spec"].get("volumes", [])), (
            name
        )


def test_no_pod_can_write_outside_its_tmp_and_its_volume(release: Rendered) -> None:
    for name, pod in release.pods().items():
        mounts = {one["mountPath"] for one in container(pod).get("volumeMounts", []) if not one.get("readOnly")}

        assert container(pod)["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert mounts <= {"/tmp", "/data"}, name


def test_no_pod_gets_an_api_token_or_service_links(release: Rendered) -> None:
    for name, pod in release.pods().items():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["enableServiceLinks"] is False, name
    assert all(one["automountServiceAccountToken"] is False for one in release.of("ServiceAccount").values())


def test_every_pod_but_the_test_has_its_own_service_account(files: tuple[Path, ...], release: Rendered) -> None:
    accounts = {name: pod["spec"]["serviceAccountName"] for name, pod in release.pods().items() if name != "test"}
    created = {one["metadata"]["name"] for one in release.of("ServiceAccount").values()}
    sections = [one for one in read(*files).values() if isinstance(one, dict)]
    existing = {
        one["serviceAccount"]["name"] for one in sections if not one.get("serviceAccount", {}).get("create", True)
    }

    assert sorted(accounts.values()) == sorted(created | existing)


def test_no_variable_is_set_twice(release: Rendered) -> None:
    for name, pod in release.pods().items():
        names = [one["name"] for one in container(pod).get("env", [])]

        assert len(names) == len(set(names)), name


def test_every_container_has_requests_and_a_memory_limit(release: Rendered) -> None:
    for name, pod in release.pods().items():
        resources = container(pod)["resources"]

        assert resources["requests"].keys() >= {"cpu", "memory"}, name
        assert "memory" in resources["limits"], name


def test_every_service_leads_to_a_port_of_its_pods(release: Rendered) -> None:
    for name, service in release.of("Service").items():
        pods = [pod for pod in release.pods().values() if _selects(service["spec"]["selector"], pod)]

        assert pods, name
        for pod in pods:
            assert service["spec"]["ports"][0]["targetPort"] in {one["name"] for one in container(pod)["ports"]}, name


def test_every_selector_matches_only_pods_of_this_release(release: Rendered) -> None:
    for one in release:
        selector = _selector(one)
        if selector is None or "app.kubernetes.io/instance" not in selector:
            assert selector is None, one["metadata"]["name"]
            continue
        assert not selector.keys() & VERSIONED
        template = one["spec"].get("template")
        assert template is None or _selects(selector, template)


def test_fields_that_cannot_be_updated_carry_no_version(release: Rendered) -> None:
    for name, pod in release.pods().items():
        if name != "test":
            assert not pod["metadata"]["labels"].keys() & VERSIONED, name
    for claim in (one for set_ in release.of("StatefulSet").values() for one in set_["spec"]["volumeClaimTemplates"]):
        assert not claim["metadata"]["labels"].keys() & VERSIONED


def _selects(selector: dict[str, str], pod: Object) -> bool:
    labels: dict[str, str] = pod["metadata"]["labels"]
    return selector.items() <= labels.items()


def _selector(one: Object) -> dict[str, str] | None:
    spec: dict[str, Any] = one.get("spec") or {}
    if one["kind"] == "NetworkPolicy":
        return dict(spec["podSelector"]["matchLabels"])
    if one["kind"] == "Service":
        return dict(spec["selector"])
    return dict(spec["selector"]["matchLabels"]) if "selector" in spec else None
