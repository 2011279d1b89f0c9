"""Reads rendered files as kustomize and Flux' post-renderers do: they refuse a key that stands twice in a map."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from tests.chart.rendered import LOADER


class StrictLoader(LOADER):  # type: ignore[misc, valid-type]  # it depends on the machine
    """Refuses a key that stands twice in a map."""


def _unique_keys(loader: StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.YAMLError(f"{twice} stands twice:\n{node.start_mark}")
    return dict(loader.construct_pairs(node, deep=True))


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_keys)


@cache
def _check(text: str) -> None:
    list(yaml.load_all(text, StrictLoader))


def check(texts: Mapping[str, str]) -> None:
    """Raises yaml.YAMLError if a key stands twice in one of the files. Equal files are read once."""
    for text in texts.values():
        _check(text)
