"""The table: where it is, who makes it, and that making it survives every upgrade."""

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.chart.rendered import CHART, SETS, WORKERS, Rendered, ci, container, merged, read, render, variables

HOOK = "helm.sh/hook"
WEIGHT = "helm.sh/hook-weight"


@pytest.fixture
def aws() -> Rendered:
    return render(ci("aws"))


def test_on_aws_no_pod_has_a_key_or_an_address_of_the_table(aws: Rendered) -> None:
    for name in (*WORKERS, "table-init"):
        found = variables(aws.pods()[name])

        assert found["DDB_ENDPOINT"] == ""
        assert not any(variable.startswith("AWS_") and variable != "AWS_REGION" for variable in found)


def test_on_aws_nothing_of_development_runs(aws: Rendered) -> None:
    assert aws.pods().keys() == {*WORKERS, "table-init", "test"}
    assert aws.of("StatefulSet") == {}


def test_on_aws_each_part_has_a_role_of_its_own() -> None:
    accounts = render(read(*SETS["staging"])).of("ServiceAccount")
    roles = {name: found["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] for name, found in accounts.items()}

    assert roles.keys() == {*WORKERS, "table-init"}
    assert len(set(roles.values())) == 5


def test_on_aws_the_job_ends_before_anything_else_changes(aws: Rendered) -> None:
    job = aws.job()["metadata"]["annotations"]
    needs = [aws.of(kind)["table-init"]["metadata"]["annotations"] for kind in ("ServiceAccount", "NetworkPolicy")]

    assert job[HOOK] == "pre-install,pre-upgrade"
    assert all(one[HOOK] == job[HOOK] for one in needs)
    assert all(int(one[WEIGHT]) < int(job.get(WEIGHT, "0")) for one in needs)
    assert all("before-hook-creation" in one["helm.sh/hook-delete-policy"] for one in (job, *needs))


def test_the_table_may_be_made_elsewhere() -> None:
    assert "table-init" not in str(list(render(ci("pod-identity"))))


def test_locally_the_job_is_no_hook_because_the_database_is_in_the_same_release() -> None:
    release = render(ci("emulator"))

    assert HOOK not in release.job()["metadata"].get("annotations", {})
    assert "lea-payments init-table" in container(release.pods()["table-init"])["command"][-1]


def name_with(values: dict[str, object], folder: Path = CHART) -> str:
    name = render(merged(ci("emulator"), values), folder).job()["metadata"]["name"]
    assert isinstance(name, str)
    return name


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"tag": "next"}},
        {"dynamodb": {"table": "another"}},
        {"dynamodb": {"region": "eu-west-1"}},
        {"logLevel": "debug"},
        {"podAnnotations": {"example.com/a": "b"}},
        {"tableInit": {"resources": {"limits": {"memory": "300Mi"}}}},
        {"nodeSelector": {"disk": "ssd"}},
    ],
    ids=str,
)
def test_a_changed_pod_makes_another_job_since_a_job_cannot_be_changed(values: dict[str, object]) -> None:
    assert name_with(values) != name_with({})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"webhook": {"replicas": 5}},
        {"emulator": {"apiToken": "other"}},
        {"dynamodb": {"admin": {"enabled": False}}},
    ],
    ids=str,
)
def test_an_upgrade_that_does_not_touch_the_job_leaves_it_as_it_is(values: dict[str, object]) -> None:
    before, after = render(ci("emulator")), render(merged(ci("emulator"), values))

    assert before.job() == after.job()


def test_a_new_version_of_the_chart_with_the_same_image_changes_nothing_that_cannot_be_changed(tmp_path: Path) -> None:
    newer = tmp_path / "lea-payments"
    shutil.copytree(CHART, newer)
    metadata = yaml.safe_load((newer / "Chart.yaml").read_text())
    (newer / "Chart.yaml").write_text(yaml.safe_dump(metadata | {"version": "9.9.9", "appVersion": "9.9.9"}))
    values = merged(ci("emulator"), {"image": {"tag": "same"}})
    before, after = render(values), render(values, newer)

    assert before.job()["spec"] == after.job()["spec"]
    assert before.job()["metadata"]["name"] == after.job()["metadata"]["name"]
    assert before.of("StatefulSet")["dynamodb"]["spec"] == after.of("StatefulSet")["dynamodb"]["spec"]
    assert before.job()["metadata"]["labels"] != after.job()["metadata"]["labels"]


def test_locally_every_part_asks_the_service_of_dynamodb() -> None:
    release = render(ci("emulator"))
    (port,) = release.of("Service")["dynamodb"]["spec"]["ports"]
    asked = {variables(release.pods()[name])["DDB_ENDPOINT"] for name in (*WORKERS, "table-init")}

    assert asked == {f"http://lea-payments-dynamodb:{port['port']}"}
    assert variables(release.pods()["dynamodb-admin"])["DYNAMO_ENDPOINT"] in asked


def test_dynamodb_local_keeps_one_database_for_all_keys_on_a_volume_that_it_may_write() -> None:
    found = render(ci("emulator")).of("StatefulSet")["dynamodb"]["spec"]
    pod, args = found["template"]["spec"], container(found["template"])["args"]
    (claim,) = found["volumeClaimTemplates"]
    mounts = {one["name"]: one["mountPath"] for one in container(found["template"])["volumeMounts"]}

    assert "-sharedDb" in args
    assert args[args.index("-dbPath") + 1] == mounts[claim["metadata"]["name"]]
    assert [pod["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")] == [1000, 1000, 1000]
    assert "/tmp" in mounts.values()  # noqa: S108 - a path in the container


@pytest.mark.parametrize("kind", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_dynamodb_locals_probe_says_yes_to_a_working_one_and_no_to_another(
    kind: str, dynamodb_endpoint: str, free_port: object
) -> None:
    probe = container(render(ci("emulator")).pods()["dynamodb"])[kind]["exec"]["command"]
    assert callable(free_port)

    def asks(port: int) -> int:
        command = [one.replace("/127.0.0.1/8000", f"/127.0.0.1/{port}") for one in probe]
        return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode

    assert asks(urlsplit(dynamodb_endpoint).port or 80) == 0
    assert asks(free_port()) != 0
