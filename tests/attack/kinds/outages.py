"""Attacks on what the services depend on: a database that freezes."""

import os
import signal
import time

from tests.attack.context import AttackContext

SHORT_FREEZES, FREEZES = (2.0,), (0.5, 1.0, 2.0, 4.0)
"""In seconds."""

RECOVERY_SECONDS = 2.0


def frozen_dynamodb(context: AttackContext) -> str:
    """Stops the process of DynamoDB for a while, several times."""
    assert context.dynamodb._server is not None
    process = context.dynamodb._server.process
    freezes = SHORT_FREEZES if context.is_short else FREEZES
    for seconds in freezes:
        os.kill(process.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        time.sleep(RECOVERY_SECONDS)
    return f"frozen for {', '.join(f'{seconds:g}' for seconds in freezes)} s"
