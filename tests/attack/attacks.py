"""Lists all attacks, in the order in which they run."""

from collections.abc import Sequence

from tests.attack.attack import Attack
from tests.attack.kinds import callers, clients, connections, forged, operators, outages, secret_files, telemetry

AVAILABILITY = "payments are confirmed"
PRIVACY = "personal data"
SECRECY = "secrets"
OPERATORS = "terminals of operators"

ATTACKS: Sequence[Attack] = (
    Attack(
        "forged-bodies",
        AVAILABILITY,
        "forged bodies of nested brackets and other JSON that grows when it is serialized again",
        "4 MiB per second are serialized and hashed, in a thread",
        forged.nested_brackets,
    ),
    Attack(
        "forged-headers",
        AVAILABILITY,
        "signature headers with many, long and strange items",
        "16 signatures, 32 KiB of head",
        forged.expensive_headers,
    ),
    Attack(
        "flood",
        AVAILABILITY,
        "forged deliveries as fast as they are answered",
        "10 log lines and 10 traces per reason and second; metrics count all",
        forged.flood_of_forgeries,
    ),
    Attack(
        "endless-heads",
        AVAILABILITY,
        "heads without end at every service",
        "32 KiB of head, then 431",
        connections.endless_heads,
    ),
    Attack(
        "many-headers",
        AVAILABILITY,
        "millions of small headers at every service",
        "100 headers, then 431",
        connections.many_headers,
    ),
    Attack(
        "endless-bodies",
        AVAILABILITY,
        "bodies, chunks and trailers without end",
        "256 KiB of body; 1 MiB after the answer",
        connections.endless_bodies,
    ),
    Attack(
        "silent-connections",
        AVAILABILITY,
        f"{connections.SILENT:,} connections that send nothing",
        "1,000 connections; the oldest without a request is closed first",
        connections.silent_connections,
    ),
    Attack(
        "slow-requests",
        AVAILABILITY,
        "heads and bodies that arrive a byte at a time",
        "10 s for the head, 20 s for the body, then 408",
        connections.slow_requests,
    ),
    Attack(
        "unread-pipelines",
        AVAILABILITY,
        "requests without end on connections that read no answer",
        "one request at a time, nothing more is read; 20 s without reading",
        connections.unread_pipelines,
    ),
    Attack(
        "half-bodies",
        AVAILABILITY,
        f"{connections.HALF_BODIES} bodies of 250 kB without their end",
        "64 MiB of unfinished bodies",
        connections.half_bodies,
    ),
    Attack(
        "half-bodies-at-the-end",
        AVAILABILITY,
        "half heads and half bodies while the service gets SIGTERM",
        "2 s for the rest of a body, then 503; no traceback",
        connections.half_bodies_at_the_end,
    ),
    Attack(
        "closed-output",
        AVAILABILITY,
        "standard output is closed",
        "lines are dropped and counted",
        telemetry.closed_output,
    ),
    Attack(
        "full-disk",
        AVAILABILITY,
        "the disk of the log is full",
        "lines are dropped and counted",
        telemetry.full_disk,
    ),
    Attack(
        "unread-output",
        AVAILABILITY,
        "the reader of the log stops reading",
        "1 MiB waits, then lines are dropped and counted",
        telemetry.unread_output,
    ),
    Attack(
        "silent-collector",
        AVAILABILITY,
        "the trace collector accepts connections and never answers",
        "spans wait in a bounded queue; 5 s at the end",
        telemetry.silent_collector,
    ),
    Attack(
        "hostile-scrapers",
        AVAILABILITY,
        "silent, unread and fast connections to the metrics port",
        "16 connections, 10 s each",
        telemetry.hostile_scrapers,
    ),
    Attack(
        "offered-upgrades",
        AVAILABILITY,
        "an offer of HTTP/2 with every request",
        "ignored, without a log line",
        clients.offered_upgrades,
    ),
    Attack(
        "frozen-dynamodb",
        AVAILABILITY,
        "DynamoDB answers nothing for seconds",
        "a delivery has 6 s; none is refused",
        outages.frozen_dynamodb,
        answer_seconds=7.0,
    ),
    Attack(
        "wrong-calls",
        AVAILABILITY,
        "wrong tokens and bad bodies at the checkout API as fast as they are answered",
        "metrics count all; one log line per minute about wrong tokens",
        callers.wrong_calls,
    ),
    Attack(
        "replaced-secret-files",
        SECRECY,
        "the file of signing secrets contains something else",
        "the last valid secrets stay in use; an error and a metric say so",
        secret_files.replaced_files,
    ),
    Attack(
        "placeholders",
        SECRECY,
        "the webhook starts with a placeholder in place of its secret",
        "it refuses with a sentence",
        secret_files.placeholders_at_the_start,
    ),
    Attack(
        "escape-sequences",
        OPERATORS,
        "records, events and Stripe's objects contain escape sequences of terminals",
        "show, show --stripe and replay print them escaped",
        operators.escape_sequences,
    ),
    Attack(
        "truncated-answers",
        PRIVACY,
        "Stripe's answers with personal data end in the middle",
        "the body is never repeated; 502, and commands return 1",
        operators.truncated_answers,
    ),
)
