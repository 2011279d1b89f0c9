"""Checks that the Dockerfile, skaffold.yaml and k8s-local agree with the chart."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lea_payments import __version__
from tests.chart.rendered import (
    CHART,
    KUBERNETES,
    LOCAL,
    REPLICATED,
    ROOT,
    SERVICES,
    ci,
    container,
    merged,
    read,
    render,
)

LICENCE = "Proprietary - Ancileo"
DOCKERFILE = (ROOT / "services" / "Dockerfile").read_text()
LOCAL_MCP = ROOT / "k8s-local" / "mcp.yaml"
OBSERVABILITY = ROOT / "k8s-local" / "observability"


@pytest.fixture(scope="module")
def skaffold() -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    assert isinstance(config, dict)
    return config


def patches(skaffold: dict[str, Any]) -> list[dict[str, Any]]:
    return [patch for profile in skaffold["profiles"] for patch in profile.get("patches", [])]


def stage(name: str) -> str:
    """The instructions of one stage of the Dockerfile."""
    _, _, after = DOCKERFILE.partition(f" AS {name}\n")
    assert after, name
    return after.partition("\nFROM ")[0]


def test_the_chart_installs_the_version_of_the_service() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


def test_the_chart_and_the_images_name_the_licence() -> None:
    annotations = yaml.safe_load((CHART / "Chart.yaml").read_text())["annotations"]

    assert annotations == {"artifacthub.io/license": LICENCE}
    assert f'LABEL org.opencontainers.image.licenses="{LICENCE}"' in stage("runtime")


def exposed_ports(target: str) -> set[int]:
    """The ports that a target of the Dockerfile names."""
    (ports,) = re.findall(r"^EXPOSE (.*)$", stage(target), re.MULTILINE)
    return set(map(int, ports.split()))


def test_the_image_names_the_port_of_each_service() -> None:
    pods = render(ci("mcp")).pods()
    ports = {
        name: {port["containerPort"] for port in container(pods[name])["ports"]}
        for name in (*SERVICES, "notifier", "mcp")
    }

    assert exposed_ports("mcp") == ports.pop("mcp") - ports["webhook"]
    assert exposed_ports("service") == set().union(*ports.values())


def test_the_image_of_the_services_does_not_have_the_sdk() -> None:
    """The target `mcp` is the services and one more layer."""
    others = {name: stage(name) for name in ("service-environment", "service", "production", "dev")}

    assert "FROM service AS mcp\n" in DOCKERFILE
    assert "COPY --from=mcp-environment /app/.mcp .mcp\n" in stage("mcp")
    assert [name for name, text in others.items() if "mcp" in text.partition("\n# ")[0]] == []


@pytest.mark.parametrize("target", ["production", "mcp", "dev"])
def test_an_image_knows_the_revision_it_was_built_from(target: str) -> None:
    instructions = stage(target)

    assert re.search(r"^ARG .*\bREVISION\b", instructions, re.MULTILINE)
    assert "ENV BUILD_REVISION=$REVISION\n" in instructions


def test_skaffold_passes_the_build_arguments_of_the_image(skaffold: dict[str, Any]) -> None:
    (artifact,) = skaffold["build"]["artifacts"]
    (arguments,) = re.findall(r"^ARG (.*)$", stage(artifact["docker"]["target"]), re.MULTILINE)

    assert {"VERSION", "REVISION"} <= artifact["docker"]["buildArgs"].keys() <= set(arguments.split())


def test_kind_runs_the_version_that_objects_are_validated_for() -> None:
    (node,) = yaml.safe_load((ROOT / "k8s-local" / "kind.yaml").read_text())["nodes"]

    assert node["image"].startswith(f"kindest/node:v{KUBERNETES}.")


def test_local_values_hold_only_differences() -> None:
    def same(values: dict[str, Any], defaults: dict[str, Any], path: str = "") -> list[str]:
        names = []
        for key, value in values.items():
            if isinstance(value, dict):
                names += same(value, defaults.get(key, {}), f"{path}{key}.")
            elif defaults.get(key) == value:
                names.append(f"{path}{key}")
        return names

    defaults = read(CHART / "values.yaml")
    for service in REPLICATED:
        defaults[service] = merged(defaults["serviceDefaults"], defaults[service])

    assert same(read(LOCAL), defaults) == []


def forwards(skaffold: dict[str, Any], namespace: str) -> set[tuple[str, int]]:
    """The Services and ports that Skaffold forwards from a namespace."""
    added = [patch["value"] for patch in patches(skaffold) if patch["path"].startswith("/portForward")]
    all_forwards = [*skaffold["portForward"], *added]
    return {(one["resourceName"], one["port"]) for one in all_forwards if one["namespace"] == namespace}


def test_skaffold_forwards_the_ports_of_the_chart(skaffold: dict[str, Any]) -> None:
    services = {
        (one["metadata"]["name"], port["port"])
        for one in render(read(LOCAL, LOCAL_MCP)).of("Service").values()
        for port in one["spec"]["ports"]
    }

    assert forwards(skaffold, "lea-payments") == services


def test_skaffold_forwards_the_ports_of_the_local_stack(skaffold: dict[str, Any]) -> None:
    objects = [one for file in OBSERVABILITY.rglob("*.yaml") for one in yaml.safe_load_all(file.read_text())]
    services = {
        (one["metadata"]["name"], port["port"])
        for one in objects
        if one.get("kind") == "Service"
        for port in one["spec"]["ports"]
    }

    # The services send their traces to this port inside the cluster.
    assert forwards(skaffold, "monitoring") == services - {("jaeger", 4318)}


def test_skaffold_sets_only_values_that_the_chart_accepts(skaffold: dict[str, Any]) -> None:
    (release,) = skaffold["deploy"]["helm"]["releases"]
    names = {*release.get("setValueTemplates", {}), *release.get("setValues", {})}
    for patch in patches(skaffold):
        where = patch["path"].partition("/releases/0/setValue")[2]
        if where:
            _, _, name = where.partition("/")
            names |= {name} if name else set(patch["value"])
    values: dict[str, Any] = {}
    for name in names:
        value: Any = {"enabled": False, "existingSecret": "a", "tag": "a"}.get(name.rpartition(".")[2], "")
        value = "a" if name.endswith("repository") else value
        for key in reversed(name.split(".")):
            value = {key: value}
        values = merged(values, value)

    assert Path(ROOT / release["chartPath"]) == CHART
    assert [ROOT / file for file in release["valuesFiles"]] == [LOCAL]
    assert names
    assert list(render(merged(read(LOCAL, LOCAL_MCP), values)))


def test_skaffold_builds_each_image_of_ours(skaffold: dict[str, Any]) -> None:
    """With the target that the image is named after; the services' one has another name in each profile."""
    artifacts = [patch["value"] for patch in patches(skaffold) if patch["path"] == "/build/artifacts/-"]
    targets = {one["image"]: one["custom"]["buildCommand"].split()[5] for one in artifacts}
    images = {container(pod)["image"].partition(":")[0] for pod in render(read(LOCAL, LOCAL_MCP)).pods().values()}

    assert targets == {f"lea-payments-{target}": target for target in ("emulator", "mcp")}
    assert {image for image in images if image.startswith("lea-payments")} == {"lea-payments", *targets}


def test_the_local_tools_need_the_secret_that_the_script_creates() -> None:
    script = (ROOT / "k8s-local" / "mcp-secret.sh").read_text()
    values = read(CHART / "values.yaml", LOCAL_MCP)["mcp"]

    assert f"create secret generic {values['existingSecret']} " in script
    assert {*re.findall(r'echo "(\w+)=', script)} == {*values["keys"].values()}


def test_skaffold_copies_code_to_a_writable_folder(skaffold: dict[str, Any]) -> None:
    syncs = [patch["value"] for patch in patches(skaffold) if patch["path"].endswith("/sync")]
    copies = [rule["dest"] for sync in syncs for rule in sync["manual"]]
    pods = render(read(LOCAL)).pods()

    assert copies
    for service in REPLICATED:
        mounts = [mount["mountPath"] for mount in container(pods[service])["volumeMounts"] if not mount.get("readOnly")]
        assert all(any(Path(copy).is_relative_to(mount) for mount in mounts) for copy in copies)


def listed_images() -> list[str]:
    """The images that `make cluster` loads."""
    script = str(ROOT / "k8s-local" / "images.sh")
    return subprocess.run(["bash", script], check=True, capture_output=True, text=True).stdout.split()


def test_make_cluster_loads_the_images_of_the_chart() -> None:
    images = {container(pod)["image"] for pod in render(read(LOCAL)).pods().values()}
    third_party = {image for image in images if not image.startswith("lea-payments")}

    assert third_party <= set(listed_images())


def test_make_cluster_loads_the_images_of_the_local_stack() -> None:
    manifests = [OBSERVABILITY / name for name in ("prometheus.yaml", "jaeger.yaml", "grafana/grafana.yaml")]
    deployments = [
        one for file in manifests for one in yaml.safe_load_all(file.read_text()) if one["kind"] == "Deployment"
    ]
    images = {
        one["image"] for deployment in deployments for one in deployment["spec"]["template"]["spec"]["containers"]
    }

    assert len(images) == len(manifests)
    assert images <= set(listed_images())
    assert "in $(bash images.sh)" in (ROOT / "k8s-local" / "cluster.sh").read_text()


def test_no_version_of_an_image_is_stated_twice() -> None:
    """The version of an image is in values.yaml or in a manifest, not in a script or a test as well."""
    files = [*(ROOT / "k8s-local").rglob("*.*"), *(ROOT / "tests" / "e2e").glob("*.py"), ROOT / "skaffold.yaml"]
    texts = [file.read_text() for file in files if file.is_file()]

    for image in listed_images():
        in_values = image.startswith(("amazon/", "aaronshaf/"))
        assert sum(image in text for text in texts) == (0 if in_values else 1), image
