"""Checks that empty sections and values behave as their defaults, and that an empty list never means everyone."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest

from tests.chart.network import INTERNET, OTHER_NAMESPACE, OTHER_POD, allowed, pod
from tests.chart.readme import COPY, VALUES
from tests.chart.rendered import REPLICATED, SERVICES, Values, ci, merged, read, render
from tests.support.examples import examples

DEFAULTS = read(VALUES)
TO_KUBERNETES = {"resources", "labels", "annotations", "podSecurityContext", "containerSecurityContext"}
"""Sections that go to Kubernetes as they are: inside them, an empty value removes a field."""


def paths(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every section, list and value."""
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict) and key not in TO_KUBERNETES:
            yield from paths(value, (*above, key))


def at(path: tuple[str, ...], value: Any) -> Values:
    """Values that hold this one at a path."""
    result: Values = reduce(lambda inner, key: {key: inner}, reversed(path), value)
    return result


def put(values: Values, path: tuple[str, ...], value: Any) -> Values:
    """The values with another one at a path; None stays, as in a file of values."""
    copy = dict(values)
    copy[path[0]] = value if len(path) == 1 else put(copy.get(path[0]) or {}, path[1:], value)
    return copy


def all_empty(values: Values, places: Iterable[tuple[str, ...]]) -> Values:
    """The values with None at each of these paths."""
    return reduce(lambda one, path: put(one, path, None), places, values)


def objects(values: Values) -> dict[str, Any]:
    return render(values).by_file


SECTIONS = [
    path for path in paths(DEFAULTS) if isinstance(reduce(lambda one, key: one[key], path, DEFAULTS), dict | list)
]
WITHOUT_DEFAULT = [
    *(
        (service, *path[1:])
        for service in REPLICATED
        for path in paths(at(("x",), DEFAULTS["serviceDefaults"]))
        if path[1:]
    ),
    *((service, name) for service in SERVICES for name in ("extraEnv", "podAnnotations", "podLabels")),
    *((service, "ingress", "host") for service in ("webhook", "pages")),
    *((section, "existingSecret") for section in ("stripe", "checkout", "reconciler")),
]


def test_the_copy_for_templates_equals_values_yaml() -> None:
    assert COPY.read_text() == VALUES.read_text(), "run `.venv/bin/python -m tests.chart.readme`"


def together(places: Iterable[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """Which paths one release makes empty: those of one length, or a single one in CI.

    A path is never in a group with a section that holds it: that section would not be empty then.
    """
    if examples(0, 1):
        return [[path] for path in places]
    return [list(group) for _, group in groupby(sorted(places, key=len), key=len)]


def label(group: list[tuple[str, ...]]) -> str:
    """The name of a test: its path, or the number of its paths."""
    return ".".join(group[0]) if len(group) == 1 else f"{len(group)} of length {len(group[0])}"


@pytest.mark.parametrize("group", together(path for path in SECTIONS if path != ("emulator",)), ids=label)
def test_an_empty_section_behaves_as_its_default(group: list[tuple[str, ...]]) -> None:
    start = ci("emulator")

    assert objects(all_empty(start, group)) == objects(start)


def test_an_empty_section_of_the_emulator_is_its_default() -> None:
    """By default there is no emulator."""
    start = ci("sandbox")

    assert objects(put(start, ("emulator",), None)) == objects(start)


def test_all_empty_values_behave_as_their_defaults() -> None:
    start = ci("emulator")
    empty = [path for path in paths(DEFAULTS) if path not in SECTIONS and path != ("emulator", "enabled")]

    assert objects(all_empty({"emulator": {"enabled": True}}, empty)) == objects(start)


@pytest.mark.parametrize("group", together(WITHOUT_DEFAULT), ids=label)
def test_an_empty_value_without_a_default_is_unset(group: list[tuple[str, ...]]) -> None:
    start = ci("emulator")

    assert objects(all_empty(start, group)) == objects(start)


GIVEN_ON_AWS = set(paths(ci("aws")))
"""The paths that the values for AWS set, or that lead to one that they set."""


@pytest.mark.parametrize("group", together(path for path in SECTIONS if path not in GIVEN_ON_AWS), ids=label)
def test_an_empty_section_is_its_default_on_aws_too(group: list[tuple[str, ...]]) -> None:
    start = ci("aws")

    assert objects(all_empty(start, group)) == objects(start)


@pytest.mark.parametrize("path", [path for path in SECTIONS if path in GIVEN_ON_AWS], ids=".".join)
def test_an_empty_section_on_aws_is_its_default_or_refused(path: tuple[str, ...]) -> None:
    """The values are refused if the section held a Secret's name or a role."""
    start, default = ci("aws"), reduce(lambda one, key: one[key], path, DEFAULTS)

    with suppress(helm.HelmValuesError):
        assert objects(put(start, path, None)) == objects(put(start, path, default))


@pytest.mark.parametrize("name", ["dns", "awsCidrs", "stripeCidrs", "extraEgress"])
@pytest.mark.parametrize("start", ["sandbox", "aws", "telemetry"])
def test_an_empty_list_opens_no_connection(name: str, start: str, without_schema: Path) -> None:
    release = render(merged(ci(start), {"networkPolicy": {name: []}}), without_schema)
    full = render(ci(start))

    for component in release.pods():
        for port in (53, 80, 443, 8000):
            for peer in (INTERNET, OTHER_POD, OTHER_NAMESPACE):
                opened = allowed(release, pod(release, component), peer, port)
                assert opened <= allowed(full, pod(full, component), peer, port), (component, port)


def test_no_rule_of_any_set_names_nobody_in_particular() -> None:
    """Kubernetes reads an empty `to` or `from` as everyone, so no rule has one."""
    for values in (ci("emulator"), ci("aws"), ci("sandbox"), merged(ci("emulator"), {"networkPolicy": {"dns": []}})):
        for policy in render(values).of("NetworkPolicy").values():
            for rule in [*(policy["spec"].get("egress") or []), *(policy["spec"].get("ingress") or [])]:
                assert rule.get("to", ["anyone"]), policy["metadata"]["name"]
                assert rule.get("from", ["anyone"]), policy["metadata"]["name"]


@pytest.mark.parametrize("peers", [[], None])
def test_an_own_rule_with_empty_peers_is_refused(peers: object) -> None:
    values = merged(ci("emulator"), {"networkPolicy": {"extraEgress": [{"to": peers, "ports": [{"port": 53}]}]}})

    with pytest.raises(helm.HelmError, match=r"networkPolicy\.extraEgress has a rule with an empty `to`"):
        render(values)
