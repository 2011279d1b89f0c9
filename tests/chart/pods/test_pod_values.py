"""Checks that every pod gets the values for all pods, and those of its own section on top."""

import json
from typing import Any

import helm_python as helm
import pytest

from tests.chart.network import End, allowed, pod
from tests.chart.rendered import SERVICES, Rendered, Values, ci, container, merged, render, variables

SECTIONS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in SERVICES},
    "table-init": ("tableInit",),
    "emulator": ("emulator",),
    "dynamodb": ("dynamodb", "local"),
    "dynamodb-admin": ("dynamodb", "admin"),
    "test": ("test",),
}
"""The section of values of each pod."""

OWN_IMAGE = {*SERVICES, "table-init", "test"}
"""The pods that run `image`, and so need what our code needs: certificates and a proxy."""

VALUES: dict[str, Any] = {
    "podAnnotations": {"example.com/a": "b"},
    "podLabels": {"a": "b"},
    "podSecurityContext": {"supplementalGroups": [5]},
    "containerSecurityContext": {"procMount": "Default"},
    "resources": {"limits": {"cpu": "3"}},
    "extraEnv": [{"name": "GREETING", "value": "hello"}],
    "envFrom": [{"secretRef": {"name": "more"}}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["proxy.example.com"]}],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "priorityClassName": "important",
    "runtimeClassName": "gvisor",
}
"""A value of each kind that a pod can have."""


def found(one: Any, value: Any) -> bool:
    """Whether a pod contains this value: a map's keys, a list's items or a text."""
    if isinstance(value, dict):
        return any(value.items() <= each.items() for each in maps(one))
    if isinstance(value, list):
        return all(json.dumps(item, sort_keys=True) in json.dumps(one, sort_keys=True) for item in value)
    return value in json.dumps(one)


def maps(one: Any) -> list[dict[str, Any]]:
    """All maps inside an object."""
    if isinstance(one, list):
        return [each for item in one for each in maps(item)]
    return [one, *maps(list(one.values()))] if isinstance(one, dict) else []


def in_section(component: str, value: Values) -> Values:
    """The values for the emulator and these in a component's section."""
    for key in reversed(SECTIONS[component]):
        value = {key: value}
    return merged(ci("emulator"), value)


@pytest.fixture(scope="module")
def plain() -> Rendered:
    return render(ci("emulator"))


@pytest.mark.parametrize("component", SECTIONS)
def test_a_section_has_every_value_of_a_pod(component: str, plain: Rendered) -> None:
    pods = render(in_section(component, VALUES)).pods()
    others = {name: one for name, one in pods.items() if name != component}
    missing = [name for name, value in VALUES.items() if not found(pods[component], inner(value))]

    assert missing == []
    assert others == {name: one for name, one in plain.pods().items() if name != component}


@pytest.mark.parametrize("component", SECTIONS)
def test_a_value_for_all_pods_reaches_every_pod(component: str) -> None:
    one = render(merged(ci("emulator"), VALUES)).pods()[component]
    missing = {name for name, value in VALUES.items() if not found(one, inner(value))}

    of_our_code = {"extraEnv", "envFrom", "extraVolumes", "extraVolumeMounts"}
    assert missing == (set() if component in OWN_IMAGE else of_our_code)


def inner(value: Any) -> Any:
    """The innermost map of a value with one key."""
    first = next(iter(value.values())) if isinstance(value, dict) else None
    return inner(first) if isinstance(first, dict) else value


@pytest.fixture(scope="module")
def company() -> Rendered:
    return render(ci("company"))


def test_the_values_of_a_section_are_added_or_win(company: Rendered) -> None:
    webhook = company.pods()["webhook"]["spec"]

    assert webhook["nodeSelector"] == {"kubernetes.io/os": "linux", "pool": "payments"}
    assert [one["key"] for one in webhook["tolerations"]] == ["dedicated", "payments"]
    assert webhook["runtimeClassName"] == "gvisor"
    assert len(company.pods()["emulator"]["spec"]["hostAliases"]) == 2
    assert company.pods()["dynamodb"]["spec"]["securityContext"]["runAsUser"] == 2000


def test_certificates_and_proxy_reach_the_job_and_the_test(company: Rendered) -> None:
    for name in OWN_IMAGE:
        one = company.pods()[name]
        mounts = {mount["name"]: mount["mountPath"] for mount in container(one)["volumeMounts"]}

        assert variables(one)["AWS_CA_BUNDLE"].startswith(mounts["ca"]), name
        assert container(one)["envFrom"] == [{"configMapRef": {"name": "company-proxy"}}], name
        assert any(volume["name"] == "ca" for volume in one["spec"]["volumes"]), name


PROXY = End(outside=True)


@pytest.mark.parametrize("component", SECTIONS)
def test_every_pod_can_have_more_egress(component: str) -> None:
    rule = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 3128}]}
    release = render(in_section(component, {"extraEgress": [rule]}))
    reach = {name for name in release.pods() if allowed(release, pod(release, name), PROXY, 3128)}

    assert reach == {component}


def test_a_proxy_for_all_is_one_for_the_pods_of_our_code() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 3128}]}
    release = render(merged(ci("emulator"), {"networkPolicy": {"extraEgress": [rule]}}))

    assert {name for name in release.pods() if allowed(release, pod(release, name), PROXY, 3128)} == OWN_IMAGE


def test_every_container_can_get_a_cpu_limit() -> None:
    """A quota on `limits.cpu` refuses a pod with a container that has none."""
    for name, one in render(ci("quota")).pods().items():
        assert [*one["spec"].get("initContainers", [])] == []
        assert container(one)["resources"]["limits"]["cpu"] == ("1" if name == "webhook" else "500m"), name


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"resources": {"limits": {"ephemeral-storage": None}}}, "ephemeral-storage"),
        ({"webhook": {"resources": {"limits": {"memory": None}}}}, "memory"),
    ],
    ids=["of all", "of one"],
)
def test_a_limit_can_be_unset(values: Values, missing: str) -> None:
    limits = container(render({"emulator": {"enabled": True}, **values}).pods()["webhook"])["resources"]["limits"]

    assert limits.keys() == {"ephemeral-storage", "memory"} - {missing}


def test_every_container_asks_for_its_temporary_storage(plain: Rendered) -> None:
    """The node evicts a pod that fills its disk; the limit leaves room for `/tmp` and the kept log files."""
    for name, one in plain.pods().items():
        resources = container(one)["resources"]

        assert resources["requests"]["ephemeral-storage"] == "128Mi", name
        assert resources["limits"]["ephemeral-storage"] == "512Mi", name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"extraVolumes": [{"name": "tmp"}]}, "the pod of webhook would have the name tmp of extraVolumes twice"),
        ({"webhook": {"extraVolumes": [{"name": "stripe"}]}}, "the name stripe of extraVolumes twice"),
        (
            {"extraVolumes": [{"name": "ca"}], "tableInit": {"extraVolumes": [{"name": "ca"}]}},
            "the pod of table-init would have the name ca of extraVolumes twice",
        ),
        (
            {"extraVolumeMounts": [{"name": "a", "mountPath": "/tmp"}]},
            "the mountPath /tmp of extraVolumeMounts twice",
        ),
        (
            {"dynamodb": {"local": {"extraVolumeMounts": [{"name": "a", "mountPath": "/data"}]}}},
            "the pod of dynamodb would have the mountPath /data",
        ),
        (
            {"dynamodb": {"admin": {"extraEnv": [{"name": "PORT", "value": "1"}]}}},
            "the pod of dynamodb-admin would have the name PORT of extraEnv twice",
        ),
        ({"tableInit": {"extraEnv": [{"name": "DDB_ENDPOINT", "value": "x"}]}}, "tableInit.extraEnv sets DDB_ENDPOINT"),
        ({"test": {"extraEnv": [{"name": "AWS_ACCESS_KEY_ID", "value": "x"}]}}, "test.extraEnv sets AWS_ACCESS_KEY_ID"),
        ({"extraVolumes": [{"configMap": {}}]}, "at '/extraVolumes/0': missing property 'name'"),
        ({"webhook": {"hostAliases": "a"}}, "at '/webhook/hostAliases': got string, want"),
        ({"networkPolicy": {"dnsPorts": ["53"]}}, "at '/networkPolicy/dnsPorts/0': got string, want integer"),
        ({"reconciler": {"topologySpreadConstraints": []}}, "'topologySpreadConstraints' not allowed"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_values_that_kubernetes_would_refuse_are_refused(values: Values, message: str) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        render(merged(ci("emulator"), values))

    assert message in str(refusal.value)
