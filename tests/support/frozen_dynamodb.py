"""Freezes DynamoDB Local, as a node does that has no CPU left: connections stay open, and nothing is answered."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from lea_demo.dynamodb_local import DynamoDBLocal


@contextmanager
def frozen(dynamodb: DynamoDBLocal) -> Iterator[None]:
    """Stops the process with SIGSTOP inside the block, and continues it at the end."""
    assert dynamodb._server is not None
    process = dynamodb._server.process
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
