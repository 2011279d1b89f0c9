"""Checks where the services find the table, and that the Job that creates it survives every upgrade."""

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.chart.rendered import CHART, SERVICES, SETS, Rendered, ci, container, merged, read, render, variables

HOOK = "helm.sh/hook"
WEIGHT = "helm.sh/hook-weight"


@pytest.fixture
def aws() -> Rendered:
    return render(ci("aws"))


def test_on_aws_no_pod_has_aws_keys_or_a_table_endpoint(aws: Rendered) -> None:
    for name in (*SERVICES, "table-init"):
        environment = variables(aws.pods()[name])

        assert environment["DDB_ENDPOINT"] == ""
        assert not any(variable.startswith("AWS_") and variable != "AWS_REGION" for variable in environment)


def test_on_aws_no_development_pod_runs(aws: Rendered) -> None:
    assert aws.pods().keys() == {*SERVICES, "table-init", "test"}
    assert aws.of("StatefulSet") == {}


def test_on_aws_each_service_has_its_own_role() -> None:
    accounts = render(read(*SETS["staging"])).of("ServiceAccount")
    roles = {name: one["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] for name, one in accounts.items()}

    assert roles.keys() == {*SERVICES, "table-init"}
    assert len(set(roles.values())) == 5


def test_on_aws_the_job_ends_before_anything_else_changes(aws: Rendered) -> None:
    job = aws.job()["metadata"]["annotations"]
    prerequisites = [
        aws.of(kind)["table-init"]["metadata"]["annotations"] for kind in ("ServiceAccount", "NetworkPolicy")
    ]

    assert job[HOOK] == "pre-install,pre-upgrade"
    assert all(one[HOOK] == job[HOOK] for one in prerequisites)
    assert all(int(one[WEIGHT]) < int(job.get(WEIGHT, "0")) for one in prerequisites)
    assert all("before-hook-creation" in one["helm.sh/hook-delete-policy"] for one in (job, *prerequisites))


def test_the_table_may_be_created_elsewhere() -> None:
    assert "table-init" not in str(list(render(ci("pod-identity"))))


def test_in_local_mode_the_job_is_not_a_hook() -> None:
    """The database is in the same release, so a hook would wait for it in vain."""
    release = render(ci("emulator"))

    assert HOOK not in release.job()["metadata"].get("annotations", {})
    assert container(release.pods()["table-init"])["args"] == ["init-table", "--wait=180"]


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
def test_a_changed_pod_template_creates_a_new_job(values: dict[str, object]) -> None:
    assert name_with(values) != name_with({})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"webhook": {"replicas": 5}},
        {"emulator": {"apiToken": "token-of-another"}},
        {"dynamodb": {"admin": {"enabled": False}}},
    ],
    ids=str,
)
def test_any_other_upgrade_leaves_the_job_alone(values: dict[str, object]) -> None:
    before, after = render(ci("emulator")), render(merged(ci("emulator"), values))

    assert before.job() == after.job()


def test_a_new_chart_version_changes_no_immutable_field(tmp_path: Path) -> None:
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


def test_in_local_mode_all_services_use_dynamodb_local() -> None:
    release = render(ci("emulator"))
    (port,) = release.of("Service")["dynamodb"]["spec"]["ports"]
    endpoints = {variables(release.pods()[name])["DDB_ENDPOINT"] for name in (*SERVICES, "table-init")}

    assert endpoints == {f"http://lea-payments-dynamodb:{port['port']}"}
    assert variables(release.pods()["dynamodb-admin"])["DYNAMO_ENDPOINT"] in endpoints


def test_dynamodb_local_keeps_one_database_on_its_volume() -> None:
    """One database for all access keys, on a volume that its user may write to."""
    spec = render(ci("emulator")).of("StatefulSet")["dynamodb"]["spec"]
    pod, args = spec["template"]["spec"], container(spec["template"])["args"]
    (claim,) = spec["volumeClaimTemplates"]
    mounts = {one["name"]: one["mountPath"] for one in container(spec["template"])["volumeMounts"]}

    assert "-sharedDb" in args
    assert args[args.index("-dbPath") + 1] == mounts[claim["metadata"]["name"]]
    assert [pod["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")] == [1000, 1000, 1000]
    assert "/tmp" in mounts.values()


@pytest.mark.parametrize("kind", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_the_probe_of_dynamodb_local_needs_a_working_database(
    kind: str, dynamodb_endpoint: str, free_port: object
) -> None:
    probe = container(render(ci("emulator")).pods()["dynamodb"])[kind]["exec"]["command"]
    assert callable(free_port)

    def exit_status(port: int) -> int:
        command = [one.replace("/127.0.0.1/8000", f"/127.0.0.1/{port}") for one in probe]
        return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode

    assert exit_status(urlsplit(dynamodb_endpoint).port or 80) == 0
    assert exit_status(free_port()) != 0
