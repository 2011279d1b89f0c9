"""Lists the servers that the benchmark compares."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.processes import MODULE


class Candidate(NamedTuple):
    """A server to measure; `env` overrides the environment that all servers share.

    `counts`: it has our metrics, which must match the sent events. `traces`: it exports spans. `share` is the part of a
    turn's events that it gets: a slow server needs fewer, a fast one more. `event` is the event that it gets.
    """

    name: str
    command: Sequence[str]
    counts: bool = False
    traces: bool = False
    env: tuple[tuple[str, str], ...] = ()
    event: str = "session"
    share: float = 1


OURS = Candidate(
    "lea-payments", (str(Path(sys.executable).parent / "lea-payments"), "webhook"), counts=True, traces=True
)
OFF = OURS._replace(
    name="telemetry off", counts=False, traces=False, env=(("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("METRICS_PORT", "0"))
)
"""No traces and no metrics port. It still counts deliveries and writes log lines."""

ALL = OURS._replace(name="all traces", env=(("OTEL_TRACES_SAMPLER_ARG", "1"),))
NOTIFYING = OURS._replace(name="notifications on", env=(("NOTIFICATIONS", "true"),))
FLOOR = Candidate("floor", (*MODULE, "tests.bench.servers.floor"), share=1.5)
PLAIN = Candidate("plain webhook", (*MODULE, "tests.bench.servers.plain"), traces=True, share=0.2)
PEER = Candidate("stripe-sync-engine", (), event="intent")
"""Its event is `payment_intent.succeeded`: for a session's event it would also ask Stripe for the line items."""

BASELINE = OURS._replace(name="baseline")

MEANING: Mapping[str, str] = {
    OURS.name: "the webhook with metrics, log lines and a tenth of the traces",
    OFF.name: "the webhook without traces and without the metrics port",
    ALL.name: "the webhook with all traces",
    FLOOR.name: "the least that Python needs for the same bytes: uvloop, httptools, an HMAC and one HTTP call for each "
    "event, without any logic",
    PLAIN.name: "FastAPI, `construct_event`, boto3 in a thread, and OpenTelemetry's instrumentation with all traces",
    PEER.name: "the npm package `@supabase/stripe-sync-engine` 0.48.5 with fastify on Node, and PostgreSQL; no "
    "telemetry. It gets `payment_intent.succeeded`, for which it makes one write and no call to Stripe",
    BASELINE.name: "the webhook of another checkout",
}
