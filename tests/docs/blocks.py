"""The parts of README.md that are made from the code; `python -m tests.docs.blocks` writes them anew."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from lea_payments import settings
from lea_payments.checkout.errors import ERRORS
from lea_payments.payment.rules import REVIEW_RULE, RULES
from lea_payments.store import table
from lea_payments.stripe.events import TRANSLATORS
from lea_payments.stripe.signature import REMEDIES
from lea_payments.telemetry import metrics
from lea_payments.webhook.app import HTTP_STATUS

README = Path(__file__).parents[2] / "README.md"
PARTS: Mapping[str, type[settings.Settings]] = {
    "webhook": settings.WebhookSettings,
    "pages": settings.PagesSettings,
    "checkout": settings.CheckoutSettings,
    "reconciler": settings.ReconcilerSettings,
}


def ranks() -> Iterator[str]:
    """The table of ranks."""
    yield "| rank | `payment_status` | reason | from | may the customer still pay? |"
    yield "|---|---|---|---|---|"
    yield "| 0 | pending | | the record was created | yes |"
    for rule in sorted([*RULES.values(), REVIEW_RULE]):
        reason = rule.reason or {10: "the decline's code", REVIEW_RULE.rank: "what differs"}.get(rule.rank, "")
        yield f"| {rule.rank} | {rule.status} | {reason} | {rule.reported_by} | {rule.customer_can_pay} |"


def ladder() -> Iterator[str]:
    """The same as a picture: up by any number of steps, never down."""
    steps = [
        (0, "pending", ""),
        *((rule.rank, rule.status, rule.reason or "") for rule in sorted([*RULES.values(), REVIEW_RULE])),
    ]
    yield "```mermaid"
    yield "flowchart LR"
    for rank, status, reason in steps:
        yield f'    r{rank}["{rank}<br/>{status}{"<br/>" if reason else ""}{reason}"]'
    yield "    " + " --> ".join(f"r{rank}" for rank, _, _ in steps)
    yield "```"


def events() -> Iterator[str]:
    """The event types to subscribe to."""
    yield from (f"- `{name}`" for name in TRANSLATORS)


def answers() -> Iterator[str]:
    """The receiver's answers."""
    yield "| outcome | HTTP status |"
    yield "|---|---|"
    yield from (f"| `{outcome}` | {status} |" for outcome, status in HTTP_STATUS.items())


def variables() -> Iterator[str]:
    """The settings."""
    found: dict[str, list[str]] = {}
    rows: dict[str, str] = {}
    for part, kind in PARTS.items():
        for field in kind.model_fields.values():
            name = str(field.validation_alias)
            found.setdefault(name, []).append(part)
            default = "required" if field.is_required() or name == "STRIPE_WEBHOOK_SECRET" else _default(field.default)
            rows[name] = default if rows.get(name, default) == default else f"{rows[name]}, {default}"
            rows[f"{name} says"] = field.description or ""
    yield "| variable | default | read by | meaning |"
    yield "|---|---|---|---|"
    for name, parts in found.items():
        readers = "all parts" if len(parts) == len(PARTS) else ", ".join(parts)
        yield f"| `{name}` | {rows[name]} | {readers} | {rows[f'{name} says']} |"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value in (None, "", ()) else f"`{value}`"


def series() -> Iterator[str]:
    """The metrics."""
    yield "| metric | kind | labels | what it counts |"
    yield "|---|---|---|---|"
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            name = metric._name + ("_total" if isinstance(metric, Counter) else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield f"| `{name}` | {type(metric).__name__.lower()} | {labels} | {metric._documentation} |"


def refusals() -> Iterator[str]:
    """The checkout API's error codes."""
    yield "| code | HTTP status | when |"
    yield "|---|---|---|"
    yield from (f"| `{code}` | {answer.status} | {answer.when} |" for code, answer in ERRORS.items())


def signatures() -> Iterator[str]:
    """Why a delivery does not prove to be Stripe's."""
    yield "| reason | what to do |"
    yield "|---|---|"
    yield from (f"| `{reason}` | {remedy} |" for reason, remedy in REMEDIES.items())


def fields() -> Iterator[str]:
    """The published fields."""
    yield ", ".join(f"`{name}`" for name in table.PUBLISHED_FIELDS) + "."


BLOCKS: Mapping[str, Callable[[], Iterator[str]]] = {
    block.__name__: block for block in (fields, ranks, ladder, events, answers, signatures, refusals, variables, series)
}


def current(text: str) -> str:
    """The README with every block as the code has it."""
    for name, block in BLOCKS.items():
        body = "\n".join(block())
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not marked.search(text):
            raise ValueError(f"README.md lacks the marks of the block {name}")
        text = marked.sub(lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(current(README.read_text()))
