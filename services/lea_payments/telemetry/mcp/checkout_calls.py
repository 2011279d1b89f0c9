"""Records the MCP server's calls to the checkout API as spans and log lines."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace

from lea_payments.log import log, present
from lea_payments.outbound import failures
from lea_payments.telemetry import spans
from lea_payments.telemetry.throttle import Throttle

_ROUTE_ATTRIBUTES = {"peer.service": "checkout"}
_unreachable = Throttle(seconds=60)
_failed_pings = Throttle(seconds=60)


@contextmanager
def checkout_call(method: str, route: str) -> Iterator[None]:
    """The span of one call to the checkout API, which is the parent of checkout's own span."""
    attributes = {**_ROUTE_ATTRIBUTES, "http.request.method": method, "url.template": route}
    span = spans.client_span(f"{method} {route}", attributes)
    if not span.get_span_context().is_valid:
        yield
        return
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except Exception as error:
            spans.fail(span, type(error).__name__)
            raise


def checkout_unreachable(error: Exception, url: str) -> None:
    """The checkout API did not answer. One log line per kind of problem and minute says what to do."""
    problem = type(error).__name__
    count = _unreachable.count(problem, time.monotonic())
    if count:
        remedy = failures.reason(error, url, settings="MCP_CHECKOUT_URL", slow="look at the checkout service")
        log.warning("checkout_unreachable", problem=problem, count=count, **present({"remedy": remedy}))


def ping_failed(code: str) -> None:
    """The checkout API does not accept this server's calls, so the service is not ready. One line per minute."""
    count = _failed_pings.count(code, time.monotonic())
    if count:
        remedy = "look at the checkout service and at the token in PAYMENTS_API_TOKEN"
        log.warning("checkout_ping_failed", code=code, count=count, remedy=remedy)
