"""Checks staging with the documented commands, roles and permissions, and an upgrade while credentials change."""

import re
import shlex

import yaml

from tests.e2e.aws import objects
from tests.e2e.load.events import EventSender, check_results
from tests.e2e.staging.release import NAME, NAMESPACE, SERVICES, Staging
from tests.support.waiting import until

OPTIONAL = {"DescribeTable", "DescribeContinuousBackups", "DescribeTimeToLive"}
"""What `lea-payments check` may also do, as docs/kubernetes.md says; no service needs it."""

NEVER_USED = "DeleteItem"


def test_the_documented_commands_for_staging_work(staging: Staging) -> None:
    commands = [
        command for command in staging.commands if command.startswith(("helm test", "kubectl -n payments exec"))
    ]

    outputs = [staging.cluster.run(*shlex.split(command)) for command in commands]

    assert len(outputs) == 2
    assert "Succeeded" in outputs[0]
    assert "No problems found" in outputs[1]


def test_a_new_release_starts_with_two_pods_of_each(staging: Staging) -> None:
    """Not with one until the autoscaler acts: Helm has asked the cluster, which had no Deployment."""
    manifest = staging.cluster.helm("get", "manifest", "-n", NAMESPACE, NAME, "--revision", "1")
    deployments = [one for one in yaml.safe_load_all(manifest) if one and one["kind"] == "Deployment"]

    replicas = {one["metadata"]["name"].removeprefix(f"{NAME}-"): one["spec"].get("replicas") for one in deployments}
    assert {service: replicas[service] for service in SERVICES} == dict.fromkeys(SERVICES, 2)
    assert [service for service in SERVICES if len(staging.pods(service)) < 2] == []


def test_the_documented_permissions_are_enough(staging: Staging) -> None:
    """The stand-in allows each role the actions of the table in docs/kubernetes.md and refuses all others."""
    state = staging.aws.state()

    used = {action.split()[0].rpartition("-staging-")[2] for action in state["actions"]}
    assert used >= {"webhook", "pages", "checkout", "reconciler", "table-init"}
    refused = {re.findall(r"dynamodb:(\w+)|$", refusal)[0] for refusal in state["refusals"]}
    assert refused <= OPTIONAL | {NEVER_USED}


def test_a_role_without_a_permission_is_refused(staging: Staging) -> None:
    """Proves that the stand-in refuses what the table does not allow."""
    # botocore's name of NEVER_USED
    call = "delete_item(TableName='lea-payments-staging', Key={'payment_intent_id': {'S': 'payment_1'}})"
    client = f"get_session().create_client('dynamodb', endpoint_url='https://{objects.HOSTS[0]}')"
    code = f"from botocore.session import get_session; {client}.{call}"

    output = staging.cluster.kubectl(
        *("-n", NAMESPACE, "exec", "deploy/lea-payments-pages", "--", "python", "-c", code), check=False
    )

    assert "AccessDeniedException" in output
    assert f"dynamodb:{NEVER_USED}" in output


def test_an_upgrade_while_credentials_change_loses_no_event(staging: Staging) -> None:
    def upgrade() -> None:
        staging.install("e2e-2")
        # Each pod gets new credentials at the same intervals, so the second round includes all pods.
        enough = staging.credentials("webhook") + 2 * len(staging.pods("webhook"))
        until(lambda: staging.credentials("webhook") >= enough, "all pods to get new credentials", 240, 1)

    result = EventSender(staging.target(), "upgraded", 900, 15)(upgrade)

    check_results(result)
    assert {pod["spec"]["containers"][0]["image"] for pod in staging.pods("webhook")} == {"lea-payments:e2e-2"}
    assert not [one for one in staging.aws.state()["refusals"] if "Expired" in one]
