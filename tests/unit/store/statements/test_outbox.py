from collections import Counter
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.store.items import attributes_of
from lea_payments.store.statements import checkout, events, records
from lea_payments.store.statements.outbox import SHARDS, shard_of
from lea_payments.telemetry.applying import NO_TRACE, Applying
from tests.support.first_events import BY_CHECKOUT, PAID, REFUND, event_of

NOW = datetime.fromtimestamp(1764247000.123, UTC)
DETAIL = Fact(kind=Kind.CHARGE, state="succeeded", intent="pi_a", method="visa 4242")
DECLINED = Fact(kind=Kind.INTENT, state="declined", code="lost_card", attempt=1)


def _text(fact: Fact, notify_at: datetime | None, before: records.CurrentRecord | None = None) -> str:
    before = before or records.current(attributes_of(BY_CHECKOUT))
    event = event_of(fact, {Kind.SESSION: "cs_test_a", Kind.INTENT: "pi_b"}.get(Kind(fact.kind), "x_1"))
    after = changes.apply(before.record, event, "t1").after
    assert after is not None
    return events.update("payments", before, after, Applying(NO_TRACE), notify_at).text


@pytest.mark.parametrize("fact", [PAID, REFUND, DECLINED], ids=["completed", "refunded", "failed"])
def test_a_published_change_is_marked_in_the_same_write(fact: Fact) -> None:
    assert " SET notify_shard=? SET notify_at=? SET notify_version=? " in _text(fact, NOW)


def test_the_guess_before_a_first_event_is_marked_too() -> None:
    event = event_of()
    before = records.untouched("payment_1", event)
    after = changes.apply(before.record, event, "t1").after
    assert after is not None

    update = events.update("payments", before, after, Applying(NO_TRACE), NOW)

    parameters = dict(
        zip([part.split("=")[0] for part in update.text.split("SET ")[1:]], update.parameters, strict=False)
    )
    assert parameters["notify_at"] == {"N": "1764247000123"}
    assert parameters["notify_version"] == {"N": "3"}
    assert parameters["notify_shard"] == {"S": shard_of("payment_1")}


def test_a_detail_is_not_marked() -> None:
    assert "notify" not in _text(DETAIL, NOW)


def test_nothing_is_marked_without_notifications() -> None:
    assert "notify" not in _text(PAID, None)


def _checkout_expression(after: Payment, notify_at: datetime | None) -> str:
    update = checkout.checkout_update(records.as_read(BY_CHECKOUT), after, notify_at)
    return str(update["UpdateExpression"])


def test_checkout_marks_a_published_change_only() -> None:
    changed = replace(BY_CHECKOUT, status_reason="canceled", version=3)
    bookkeeping = replace(BY_CHECKOUT, checkout_locale="ms", version=3)

    assert "notify_version = :new_notify_version" in _checkout_expression(changed, NOW)
    assert "notify" not in _checkout_expression(changed, None)
    assert "notify" not in _checkout_expression(bookkeeping, NOW)


def test_payments_are_spread_over_all_partitions() -> None:
    counts = Counter(shard_of(f"payment_{number}") for number in range(4000))

    assert counts.keys() == {*SHARDS}
    assert min(counts.values()) > 800
