from collections.abc import Mapping, Sequence

import pytest

from lea_payments.commands.console.terminal import Terminal
from lea_payments.commands.progress import Progress
from lea_payments.commands.replay import HINTS, NO_EVENT, NO_EVENT_OF_PAYMENT, UNREADABLE, Replay, ReplayOptions
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.store.repairs import Repairs


class Table:
    """A table without payments."""

    async def apply(self, _event: PaymentEvent) -> Applied:
        return Applied(Outcome.UNMATCHED)

    async def record_of(self, _event: PaymentEvent) -> Payment | None:
        return None


@pytest.mark.parametrize(
    ("counts", "reasons", "payment_id", "hints"),
    [
        ({}, {}, None, [NO_EVENT]),
        ({}, {}, "payment_1", [NO_EVENT_OF_PAYMENT]),
        ({"unreadable": 1}, {}, "payment_1", [NO_EVENT_OF_PAYMENT, HINTS[UNREADABLE]]),
        (
            {"ignored": 2},
            {"unused_type": 2},
            "payment_1",
            ["Ignored because of: unused_type (2)", NO_EVENT_OF_PAYMENT],
        ),
        ({"applied": 1}, {}, "payment_1", []),
        ({"applied": 1, "unmatched": 1}, {}, None, [HINTS[Outcome.UNMATCHED]]),
        (
            {"wrong_mode": 1},
            {"other_mode": 1},
            None,
            ["Ignored because of: other_mode (1)", HINTS[Outcome.WRONG_MODE]],
        ),
    ],
    ids=["no event", "no event of a payment", "unreadable", "ignored", "applied", "unmatched", "other mode"],
)
def test_the_summary_says_what_to_do_next(
    counts: Mapping[str, int], reasons: Mapping[str, int], payment_id: str | None, hints: Sequence[str]
) -> None:
    replay = Replay(Repairs(Table(), None, payment_id), ReplayOptions(Terminal(), Progress(), payment_id))
    replay.counts.update(counts)
    replay.reasons.update(reasons)

    assert list(replay.hints()) == hints
