"""Compares the list of event types with the code."""

import re
from pathlib import Path

import stripe_emulator
from stripe_emulator.reference.event_types import EVENT_TYPES

SOURCES = Path(stripe_emulator.__file__).parent.rglob("*.py")
EMIT = re.compile(r'emit\(\s*f?"([^"]+)"')


def test_the_listed_types_are_the_emitted_ones() -> None:
    emitted_types = {name for source in SOURCES for name in EMIT.findall(source.read_text())}
    for name in [name for name in emitted_types if "{result}" in name]:
        emitted_types.remove(name)
        emitted_types |= {name.replace("{result}", result) for result in ("succeeded", "failed")}

    assert emitted_types == EVENT_TYPES
