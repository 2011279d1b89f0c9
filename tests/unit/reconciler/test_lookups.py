from collections.abc import Sequence

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.reconciler.lookups import ANSWER_SECONDS, MAX_ANSWERS, NO_LIMIT, SessionLookups
from lea_payments.stripe import facts

SESSION = PaymentEvent(
    id="cs_a:paid", type=facts.SESSION, created=0, object_id="cs_a", fact=Fact(kind=Kind.SESSION, state="paid")
)


class Stripe:
    """Every PaymentIntent has the same session; `now` is its clock, which the test moves."""

    def __init__(self) -> None:
        self.requested: list[str] = []
        self.now = 0.0

    async def objects_of_intent(self, object_type: str, intent_id: str) -> Sequence[PaymentEvent]:
        self.requested.append(intent_id)
        return [SESSION] if object_type == facts.SESSION else []


def _lookups(stripe: Stripe, limit: float = NO_LIMIT) -> SessionLookups:
    return SessionLookups(stripe, lambda: stripe.now, limit)


async def _look_up(lookups: SessionLookups, *intent_ids: str) -> list[Sequence[PaymentEvent]]:
    return [await lookups.objects_of_intent(facts.SESSION, intent_id) for intent_id in intent_ids]


async def test_an_answer_is_remembered_for_an_hour() -> None:
    lookups = _lookups(stripe := Stripe())
    answers = await _look_up(lookups, "pi_a")
    lookups.start_run()
    stripe.now = ANSWER_SECONDS - 1
    answers += await _look_up(lookups, "pi_a")
    requested_within_an_hour = list(stripe.requested)
    stripe.now = ANSWER_SECONDS
    answers += await _look_up(lookups, "pi_a")

    assert answers == [[SESSION]] * 3
    assert requested_within_an_hour == ["pi_a"]
    assert stripe.requested == ["pi_a", "pi_a"]


async def test_a_run_leaves_the_rest_to_the_next_run() -> None:
    lookups = _lookups(stripe := Stripe(), limit=2)
    answers = await _look_up(lookups, "pi_a", "pi_b", "pi_c", "pi_c")
    left = lookups.left
    lookups.start_run()
    await _look_up(lookups, "pi_a", "pi_b", "pi_c")

    assert answers == [[SESSION], [SESSION], (), ()]
    assert (left, lookups.left) == (1, 0)
    assert stripe.requested == ["pi_a", "pi_b", "pi_c"]


async def test_old_answers_leave_calls_to_unknown_intents() -> None:
    lookups = _lookups(stripe := Stripe(), limit=2)
    await _look_up(lookups, "pi_a", "pi_b")
    lookups.start_run()
    stripe.now = ANSWER_SECONDS
    answers = await _look_up(lookups, "pi_a", "pi_b", "pi_c")

    assert answers == [[SESSION]] * 3
    assert stripe.requested == ["pi_a", "pi_b", "pi_a", "pi_c"]
    assert lookups.left == 0


async def test_only_the_newest_answers_are_kept() -> None:
    lookups = _lookups(stripe := Stripe())
    await _look_up(lookups, *(f"pi_{number}" for number in range(MAX_ANSWERS + 1)))
    stripe.requested.clear()
    await _look_up(lookups, f"pi_{MAX_ANSWERS}", "pi_1", "pi_0")

    assert stripe.requested == ["pi_0"]


async def test_disputes_are_always_read() -> None:
    """A dispute changes, and only those of our payments are read."""
    lookups = _lookups(stripe := Stripe(), limit=1)
    for _ in range(2):
        await lookups.objects_of_intent(facts.DISPUTE, "pi_a")

    assert stripe.requested == ["pi_a", "pi_a"]
    assert lookups.left == 0
