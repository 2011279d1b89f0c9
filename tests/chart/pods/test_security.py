"""Checks the users of the pods, what a container may do, and that a platform can decide on both."""

import pytest

from tests.chart.rendered import Rendered, ci, container, merged, render

USERS = ("runAsUser", "runAsGroup", "fsGroup")


@pytest.fixture(scope="module")
def openshift() -> Rendered:
    return render(ci("openshift"))


def test_a_platform_that_chooses_users_finds_none_set(openshift: Rendered) -> None:
    for name, pod in openshift.pods().items():
        assert not pod["spec"]["securityContext"].keys() & {*USERS}, name
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
    assert openshift.pods().keys() >= {"dynamodb", "dynamodb-admin", "emulator", "table-init", "test"}


@pytest.mark.parametrize(("values", "mode"), [("emulator", 0o440), ("openshift", 0o444)])
def test_the_signing_secrets_are_readable_with_any_user(values: str, mode: int) -> None:
    """Without fsGroup, a file in a Secret's volume belongs to root."""
    volumes = render(ci(values)).pods()["webhook"]["spec"]["volumes"]
    (secret,) = [one["secret"] for one in volumes if "secret" in one]

    assert secret["defaultMode"] == mode


def test_third_party_images_run_as_their_own_user() -> None:
    pods = render(ci("emulator")).pods()
    users = {name: [pod["spec"]["securityContext"][key] for key in USERS] for name, pod in pods.items()}

    assert {name for name, ids in users.items() if ids == [1000] * 3} == {"dynamodb", "dynamodb-admin"}
    assert {tuple(ids) for name, ids in users.items() if not name.startswith("dynamodb")} == {(10001,) * 3}


def test_all_pods_can_run_as_a_large_user() -> None:
    """As a namespace of OpenShift has it; a number this large must not become 1.00065e+09."""
    user = 1000650000
    release = render(merged(ci("emulator"), {"podSecurityContext": {"runAsUser": user}, "dynamodb": {"local": {}}}))

    assert release.pods()["webhook"]["spec"]["securityContext"]["runAsUser"] == user


@pytest.mark.parametrize("key", ["seccompProfile", "fsGroupChangePolicy"])
def test_any_key_of_a_pods_security_context_can_be_unset(key: str) -> None:
    release = render(merged_with_nulls({"podSecurityContext": {key: None}}))

    assert all(key not in pod["spec"]["securityContext"] for pod in release.pods().values())


def test_one_section_changes_only_its_own_pods() -> None:
    section = {
        "podSecurityContext": {"fsGroup": None, "supplementalGroups": [5]},
        "containerSecurityContext": {"readOnlyRootFilesystem": False},
    }
    pods = render(merged_with_nulls({"emulator": {"enabled": True, **section}})).pods()

    assert pods["emulator"]["spec"]["securityContext"].keys() >= {"supplementalGroups", "runAsUser"}
    assert "fsGroup" not in pods["emulator"]["spec"]["securityContext"]
    assert container(pods["emulator"])["securityContext"]["readOnlyRootFilesystem"] is False
    assert pods["webhook"]["spec"]["securityContext"]["fsGroup"] == 10001
    assert container(pods["webhook"])["securityContext"]["readOnlyRootFilesystem"] is True


def merged_with_nulls(values: dict[str, object]) -> dict[str, object]:
    """The values for the emulator and these; a null reaches Helm as it is."""
    return {"emulator": {"enabled": True}, **values}
