"""Starts and stops the log, metrics and traces of a process."""

import sys
import threading

import stamina
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from stamina.instrumentation import RetryDetails

from lea_payments import __version__, log
from lea_payments.settings import Settings
from lea_payments.telemetry import connections, events
from lea_payments.telemetry.exposition import server
from lea_payments.telemetry.exposition.series import registry_of
from lea_payments.telemetry.metrics import BUILD
from lea_payments.telemetry.tracing.provider import provider_of
from lea_payments.telemetry.tracing.settings import Tracing, read_tracing
from lea_payments.telemetry.tracing.variables import take_variables
from lea_payments.text.visible import visible_text

STOP_SECONDS = 5


def start(settings: Settings, service: str) -> Tracing:
    """Starts the log, metrics and traces of a service. Raises OSError if the metrics port is in use.

    An invalid variable of the traces is reported and ignored: it must never stop a payment service.
    """
    log.configure(settings.log_level, connections.log_lines_dropped)
    stamina.instrumentation.set_on_retry_hooks([_record_retry])
    BUILD.labels(__version__, settings.build_revision).set(1)
    if settings.metrics_port:
        server.start(settings.host, settings.metrics_port, registry_of(service))
    return _start_tracing(service)


def start_without_metrics(settings: Settings, service: str) -> Tracing:
    """Starts the log, on standard error, and the traces of a service that a program on this machine runs."""
    start_for_commands()
    BUILD.labels(__version__, settings.build_revision).set(1)
    return _start_tracing(service)


def _start_tracing(service: str) -> Tracing:
    tracing = read_tracing(take_variables())
    for problem in tracing.problems:
        events.telemetry_setting_ignored(problem.variable, problem.text)
    if tracing.is_on:
        trace.set_tracer_provider(provider_of(tracing, service))
    return tracing


def start_for_commands(*, tells_retries: bool = True) -> None:
    """Starts the log of a command that a person runs: warnings and errors, on standard error."""
    log.configure_for_commands()
    stamina.instrumentation.set_on_retry_hooks([_tell_retry] if tells_retries else [])


def stop() -> None:
    """Exports the spans that are still waiting, for at most 5 s."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        # In a thread with a limit of its own: the provider tries each batch for as long as one export may take.
        shutdown = threading.Thread(target=provider.shutdown, daemon=True)
        shutdown.start()
        shutdown.join(STOP_SECONDS)


def _record_retry(details: RetryDetails) -> None:
    events.call_retried(details.name, details.retry_num, details.wait_for, details.caused_by)


def _tell_retry(details: RetryDetails) -> None:
    """Says to the person who waits for a command why it waits."""
    problem = str(details.caused_by).removesuffix(")").partition(" (")[0]
    sys.stderr.write(f"{visible_text(problem)}; trying again in {details.wait_for:.1f} s ({details.retry_num})\n")
    sys.stderr.flush()
