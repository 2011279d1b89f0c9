"""Decides from the NetworkPolicies of a release which connections a cluster would allow; sends no packets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chart.rendered import NAMESPACE, Rendered


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or an address outside the cluster."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = NAMESPACE
    outside: bool = False


def pod(release: Rendered, component: str) -> End:
    """A pod of the release."""
    return End(release.pods()[component]["metadata"]["labels"])


OTHER_POD = End({"app": "other-pod"})
OTHER_NAMESPACE = End({"app": "other-pod"}, "other-namespace")
PROMETHEUS = End({"app": "prometheus"}, "monitoring")
DNS = End({"k8s-app": "kube-dns"}, "kube-system")
INTERNET = End(outside=True)


def allowed(release: Rendered, source: End, target: End, port: int) -> bool:
    """Whether a connection may leave its source and enter its target."""
    return _passes(release, "egress", source, target, port) and _passes(release, "ingress", target, source, port)


def _passes(release: Rendered, direction: str, selected: End, peer: End, port: int) -> bool:
    if selected.outside or selected.namespace != NAMESPACE:
        return True
    policies = [
        policy["spec"]
        for policy in release.of("NetworkPolicy").values()
        if _matches(policy["spec"]["podSelector"], selected.labels)
        and direction.title() in policy["spec"]["policyTypes"]
    ]
    rules = [rule for policy in policies for rule in policy.get(direction) or []]
    return not policies or any(_rule_allows(rule, direction, peer, port) for rule in rules)


def _rule_allows(rule: Mapping[str, Any], direction: str, peer: End, port: int) -> bool:
    ports = [one["port"] for one in rule.get("ports", [])]
    peers = rule.get("to" if direction == "egress" else "from")
    return (not ports or port in ports) and (not peers or _any_matches(peers, peer))


def _any_matches(peers: Iterable[Mapping[str, Any]], peer: End) -> bool:
    for one in peers:
        if "ipBlock" in one:
            if peer.outside and one["ipBlock"]["cidr"] == "0.0.0.0/0":
                return True
            continue
        namespace = one.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}})
        if (
            not peer.outside
            and _matches(namespace, {"kubernetes.io/metadata.name": peer.namespace})
            and _matches(one.get("podSelector", {}), peer.labels)
        ):
            return True
    return False


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "only matchLabels is supported"
    required: Mapping[str, str] = selector.get("matchLabels", {})
    return required.items() <= labels.items()
