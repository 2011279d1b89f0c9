import pytest
from msgspec.structs import replace

from lea_payments.commands import explain
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.record import HistoryEntry, Payment
from lea_payments.payment.rules import REVIEW_RULE, RULES
from lea_payments.payment.transitions import apply_change, change_for
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies
from tests.support.scenarios import SCENARIOS, Scenario, record


def _after(*bodies: bytes) -> Payment:
    payment = record("payment_1")
    for body in bodies:
        event = stripe_events.translate(body, livemode=False)
        assert isinstance(event, PaymentEvent)
        payment = apply_change(payment, event, change_for(payment, event), "2026-01-01T00:00:01.000Z")
    return payment


def test_every_rank_has_a_story() -> None:
    assert explain.STORY.keys() == {0, REVIEW_RULE.rank, *(rule.rank for rule in RULES.values())}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_every_ending_is_told(scenario: Scenario) -> None:
    payment = _after(*scenario.events("payment_1"))
    told = explain.story(payment)

    assert told[0] == explain.STORY[payment.status_rank]
    assert len(explain.next_events(payment)) == len(RULES)


@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        ([], "No event of Stripe's has reached this payment yet."),
        ([stripe_bodies.declined("payment_1")], "The reason is card_declined:insufficient_funds."),
        (
            [stripe_bodies.completed("payment_1"), stripe_bodies.refunded("payment_1", 700)],
            "7.00 SGD has been refunded.",
        ),
        (
            [stripe_bodies.completed("payment_1"), stripe_bodies.dispute("created", "needs_response")],
            "A dispute about it is open.",
        ),
        (
            [
                stripe_bodies.completed("payment_1"),
                stripe_bodies.completed("payment_1", id="cs_b", payment_intent="pi_b"),
            ],
            "Two different PaymentIntents have paid it: refund one of them in Stripe's dashboard.",
        ),
        ([stripe_bodies.completed("payment_1", amount_total=1)], "The reason is amount_mismatch."),
    ],
)
def test_the_story_says_what_a_person_asks(bodies: list[bytes], said: str) -> None:
    assert said in explain.story(_after(*bodies))


def test_an_event_that_came_too_late_is_told_with_both_ranks() -> None:
    told = explain.last_event(_after(stripe_bodies.completed("payment_1"), stripe_bodies.expired("payment_1")))

    assert told == (
        "The last event, checkout.session.expired, was stale: not applied, for the record already knew better "
        "(such an event has rank 20, the record 50)."
    )


def test_a_full_history_says_so() -> None:
    entry = HistoryEntry("evt", "charge.refunded", "applied", "completed", "completed", "t", None)

    assert "later events leave no line" in explain.last_event(replace(record("p"), history=(entry,) * 50))


def test_what_would_come_next_is_what_the_pure_function_decides() -> None:
    pending = {one.rank: one for one in explain.next_events(record("payment_1"))}
    paid = {one.rank: one for one in explain.next_events(_after(stripe_bodies.completed("payment_1")))}

    assert {one.outcome for one in pending.values()} == {"applied"}
    assert pending[20].effect == "payment_status pending → expired"
    assert {rank: one.outcome for rank, one in paid.items()} == {
        10: "stale",
        20: "stale",
        30: "stale",
        40: "stale",
        50: "duplicate",
    }
    assert paid[20].effect == "nothing: the record has rank 50"
    assert paid[50].effect == "nothing: the record says so already"
