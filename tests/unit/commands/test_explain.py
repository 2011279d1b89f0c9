import pytest
from lea_payments.payment.rules import REVIEW_RULE, RULES
from lea_payments.payment.transitions import apply_change, change_for
from msgspec.structs import replace

from lea_payments.commands import explain
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.record import HistoryEntry, Payment
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


def test_every_rank_has_an_explanation() -> None:
    assert explain.STORY.keys() == {0, REVIEW_RULE.rank, *(rule.rank for rule in RULES.values())}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_every_scenario_can_be_explained(scenario: Scenario) -> None:
    payment = _after(*scenario.events("payment_1"))

    assert explain.story(payment)[0] == explain.STORY[payment.status_rank]
    assert len(explain.next_events(payment)) == len(RULES)


@pytest.mark.parametrize(
    ("bodies", "sentence"),
    [
        ([], "No event from Stripe has reached this payment yet."),
        ([stripe_bodies.declined("payment_1")], "The reason is card_declined:insufficient_funds."),
        (
            [stripe_bodies.completed("payment_1"), stripe_bodies.refunded("payment_1", 700)],
            "7.00 SGD has been refunded.",
        ),
        (
            [stripe_bodies.completed("payment_1"), stripe_bodies.dispute("created", "needs_response")],
            "The payment is disputed; the status of the dispute is open.",
        ),
        (
            [
                stripe_bodies.completed("payment_1"),
                stripe_bodies.completed("payment_1", id="cs_b", payment_intent="pi_b"),
            ],
            "The customer paid twice, with two PaymentIntents: refund one of them in Stripe's dashboard.",
        ),
        ([stripe_bodies.completed("payment_1", amount_total=1)], "The reason is amount_mismatch."),
    ],
)
def test_the_explanation_fits_the_record(bodies: list[bytes], sentence: str) -> None:
    assert sentence in explain.story(_after(*bodies))


def test_a_stale_event_is_explained_by_both_ranks() -> None:
    text = explain.last_event(_after(stripe_bodies.completed("payment_1"), stripe_bodies.expired("payment_1")))

    assert text == (
        "The last event, checkout.session.expired, has the outcome stale: not applied, because the record already has "
        "a later status (the event has rank 20, the record has rank 50)."
    )


def test_a_full_history_is_explained() -> None:
    entry = HistoryEntry("evt", "charge.refunded", "applied", "completed", "completed", "t", None)

    assert "later events are not added" in explain.last_event(replace(record("p"), history=(entry,) * 50))


def test_the_next_events_have_the_outcomes_of_the_rules() -> None:
    pending = {event.rank: event for event in explain.next_events(record("payment_1"))}
    paid = {event.rank: event for event in explain.next_events(_after(stripe_bodies.completed("payment_1")))}

    assert {event.outcome for event in pending.values()} == {"applied"}
    assert pending[20].effect == "payment_status pending → expired"
    assert {rank: event.outcome for rank, event in paid.items()} == {
        10: "stale",
        20: "stale",
        30: "stale",
        40: "stale",
        50: "duplicate",
    }
    assert paid[20].effect == "no change: the record has rank 50"
    assert paid[50].effect == "no change: already recorded"


def test_a_stale_refund_has_no_rank_to_explain() -> None:
    entry = HistoryEntry("evt", "charge.refunded", "stale", "completed", "completed", "t", None)
    text = explain.last_event(replace(record("p"), history=(entry,)))

    assert text.endswith("stale: not applied, because the record already has a later status.")


def test_changed_ids_are_named_if_no_status_changed() -> None:
    before = record("payment_1")

    assert explain.field_changes(before, replace(before, stripe_payment_intent="pi_a")) == (
        "stripe_payment_intent none → pi_a"
    )
    assert explain.field_changes(before, replace(before, updated_at="later")) == ""


def test_an_amount_without_a_currency_is_in_minor_units() -> None:
    refunded = replace(record("payment_1"), currency=None, amount_refunded=700)

    assert "700 has been refunded." in explain.story(refunded)
