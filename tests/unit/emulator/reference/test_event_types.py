"""The list of event types agrees with the code."""

import re
from pathlib import Path

import stripe_emulator
from stripe_emulator.reference.event_types import EVENT_TYPES

SOURCES = Path(stripe_emulator.__file__).parent.rglob("*.py")
EMIT = re.compile(r'emit\(\s*f?"([^"]+)"')


def test_the_listed_types_are_the_emitted_ones() -> None:
    emitted = {name for source in SOURCES for name in EMIT.findall(source.read_text())}
    for name in [name for name in emitted if "{result}" in name]:
        emitted.remove(name)
        emitted |= {name.replace("{result}", result) for result in ("succeeded", "failed")}

    assert emitted == EVENT_TYPES
