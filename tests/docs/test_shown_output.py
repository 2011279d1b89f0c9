"""The examples in docs/operations.md are what `show` prints."""

from msgspec.structs import replace

from lea_payments.commands.at_stripe.differences import Difference
from lea_payments.commands.at_stripe.search import Match
from lea_payments.commands.at_stripe.state import StripeState
from lea_payments.commands.showing.findings import Findings, PaymentView, as_text
from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from tests.docs.documents import ROOT, blocks
from tests.support.scenarios import record

PAYMENT = replace(record("payment_123"), amount=12000, created_at="2026-11-27T05:26:02.000Z")
PAID = Fact(kind=Kind.SESSION, state="paid", amount=12000, currency="sgd", intent="pi_a")
EVENT = PaymentEvent(id="evt_1", type="checkout.session", created=0, object_id="cs_test_a", fact=PAID)


def _first_lines(findings: Findings, number: int) -> list[str]:
    return [line.plain for line in as_text(findings, 80)][:number]


def test_each_example_is_what_show_prints() -> None:
    after = changes.apply(PAYMENT, EVENT, "").after
    assert after is not None
    state = StripeState([], [], [Difference("a", "b")], [], [], after, needs_person=False)
    session = {"object": "checkout.session", "id": "cs_a", "status": "complete", "payment_status": "paid"}
    findings = (
        Findings("payments", [PaymentView(PAYMENT, None)]),
        Findings("payments", [PaymentView(PAYMENT, state)]),
        Findings("payments", [], [Match({**session, "amount_total": "SGD 50.00"})]),
    )

    examples = [
        block.text.splitlines() for block in blocks(ROOT / "docs" / "operations.md") if block.language == "console"
    ]

    assert examples == [_first_lines(shown, len(example)) for shown, example in zip(findings, examples, strict=True)]
