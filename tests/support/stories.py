"""What happened to one payment, told by its spans: everything that a trace or a link joins to it; knows no part."""

from collections import defaultdict
from collections.abc import Iterable

from tests.support.otlp_sink import Span


def story_of(spans: Iterable[Span], payment_id: str) -> list[Span]:
    """The connected spans around a payment: those that name it, all of their traces, and whatever those link to.

    Raises AssertionError when no span names the payment, or when some of those that do are not joined to the others.
    """
    spans = list(spans)
    named = [span for span in spans if span.attributes.get("payments.payment.id") == payment_id]
    assert named, f"no span names {payment_id}"
    joined = _joined(spans, named[0].trace_id)
    apart = [span.name for span in named if span.trace_id not in joined]
    assert not apart, f"not joined to the rest: {apart}"
    return [span for span in spans if span.trace_id in joined]


def _joined(spans: Iterable[Span], first: str) -> set[str]:
    """The traces that a trace is joined to by links, in either direction, over any number of steps."""
    beside: defaultdict[str, set[str]] = defaultdict(set)
    for span in spans:
        for trace_id, _ in span.links:
            beside[span.trace_id].add(trace_id)
            beside[trace_id].add(span.trace_id)
    found, left = {first}, [first]
    while left:
        new = beside[left.pop()] - found
        found |= new
        left += new
    return found
