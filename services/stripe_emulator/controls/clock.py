"""Moves the clock and resets the emulator."""

from fastapi import Request

from stripe_emulator.controls.bodies import AdvanceBody, read_body
from stripe_emulator.emulator import Current, CurrentApp, build
from stripe_emulator.reference.shapes import Json


async def advance(request: Request, emulator: Current) -> Json:
    """Move the clock ahead, then run everything that is due. The callers' clocks stay where they are."""
    account, body = emulator.account, await read_body(request, AdvanceBody)
    account.clock.advance(body.seconds)
    emulator.run_due()
    return {"now": account.now(), "ahead": account.clock.ahead}


async def reset(app: CurrentApp) -> Json:
    """Delete everything: objects, events, deliveries, faults and the clock's offset, as a restart does."""
    emulator = app.emulator
    app.emulator = build(emulator.settings, emulator.send)
    await emulator.deliverer.close()
    return {"status": "ok"}
