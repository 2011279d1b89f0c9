"""Generates facts for property tests: any facts, and facts as Stripe produces them."""

import random
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import OBJECT_LIMIT, OVERFLOW_ID, STATES, Fact, Facts, Kind

ValueT = TypeVar("ValueT")

_KINDS = [kind.value for kind in Kind]
_STATES = sorted({state for states in STATES.values() for state in states})
_AMOUNTS = st.none() | st.sampled_from([0, 1, 700, 4999, 10**12])
_INTENTS = st.none() | st.sampled_from(["pi_a", "pi_b", "pi_unknown", "by_hand:intent"])

ANY_FACT = st.builds(
    Fact,
    kind=st.sampled_from([*_KINDS, "of_tomorrow", "", "limit"]),
    state=st.sampled_from([*_STATES, "of_tomorrow", "", "exceeded"]),
    amount=_AMOUNTS,
    currency=st.none() | st.sampled_from(["sgd", "SGD", "usd", ""]),
    intent=_INTENTS,
    attempt=st.none() | st.integers(0, 3),
    code=st.none() | st.sampled_from(["lost_card", "unknown", ""]),
    due=st.none() | st.integers(0, 5),
    method=st.none() | st.sampled_from(["card/visa/4242", "card", "paynow", ""]),
)
"""A fact of any kind and state, also of ones that no version knows."""

_ANY_ID = st.sampled_from(["cs_test_a", "cs_test_b", "cs_unknown", "by_hand", "pi_a", "pi_b", "re_a", OVERFLOW_ID])

ANY_FACTS = st.dictionaries(_ANY_ID, ANY_FACT, max_size=8)
"""Facts about fewer objects than a record keeps."""


def stripe_fact(number: int, step: int) -> tuple[str, Fact]:
    """The fact about the object of this number in one of its states: only the state of an object changes."""
    kind = Kind(_KINDS[number % len(_KINDS)])
    states = [*STATES[kind], "of_tomorrow"]
    fact = Fact(
        kind=kind,
        state=states[step % len(states)],
        amount=(700, 4999, 4999)[number % 3],
        currency="sgd" if kind is Kind.SESSION else None,
        intent=None if kind is Kind.INTENT else f"pi_{number // len(_KINDS) % 5}",
        attempt=number % 3 or None,
        code="lost_card" if kind is Kind.INTENT else None,
        method="card/visa/4242" if kind is Kind.CHARGE else None,
    )
    object_id = f"pi_{number // len(_KINDS) % 5}" if kind is Kind.INTENT else f"{kind}_{number}"
    return object_id, fact


def stripe_facts(objects: int) -> st.SearchStrategy[Facts]:
    """Facts about up to this number of Stripe's objects."""

    def facts(seed: int) -> Facts:
        generator = random.Random(seed)
        numbers = generator.sample(range(objects), generator.randint(0, objects))
        return dict(stripe_fact(number, generator.randrange(11)) for number in numbers)

    return st.integers(0, 10**9).map(facts)


FEW_FACTS = stripe_facts(OBJECT_LIMIT)
MANY_FACTS = stripe_facts(3 * OBJECT_LIMIT)
"""Facts of which a record cannot keep all."""


def event_of(object_id: str, fact: Fact, number: int = 0) -> PaymentEvent:
    """The event that reports this fact."""
    return PaymentEvent(id=f"evt_{number}", type="some.type", created=0, object_id=object_id, fact=fact)


_SESSIONS = (("cs_test_a", "pi_a"), ("cs_test_b", "pi_b"), ("cs_test_c", "pi_c"))
_SESSION_STATES = (*STATES[Kind.SESSION], "of_tomorrow")


@st.composite
def payment_events(draw: st.DrawFn) -> Sequence[PaymentEvent]:
    """The events of a payment with up to three sessions, with refunds, disputes and fraud warnings of each."""
    facts: list[tuple[str, Fact]] = []
    for session_id, intent in _SESSIONS:
        amount, attempt = draw(st.sampled_from([4999, 700])), draw(st.none() | st.sampled_from([1, 2]))
        session = Fact(kind=Kind.SESSION, state="open", amount=amount, currency="sgd", intent=intent, attempt=attempt)
        declined = Fact(kind=Kind.INTENT, state="declined", code="lost_card", attempt=attempt)
        refund = Fact(kind=Kind.REFUND, state="pending", amount=amount, intent=intent)
        warning = Fact(kind=Kind.WARNING, state="actionable", intent=intent)
        dispute = Fact(kind=Kind.DISPUTE, state="lost", intent=intent)
        facts += [(session_id, replace(session, state=state)) for state in draw(_some(_SESSION_STATES))]
        facts += [(f"re_{intent}", replace(refund, state=state)) for state in draw(_some(STATES[Kind.REFUND]))]
        others = [(intent, declined), (f"issfr_{intent}", warning), (f"du_{intent}", dispute)]
        facts += draw(_some(others))
        succeeded = Fact(kind=Kind.CHARGE, state="succeeded", intent=intent, attempt=attempt, method="card/visa/4242")
        charges = [succeeded, replace(refund, kind=Kind.CHARGE, state="refunded")]
        facts += draw(_some([(f"ch_{intent}", charge) for charge in charges]))
    return [event_of(object_id, fact, number) for number, (object_id, fact) in enumerate(facts)]


def _some(values: Sequence[ValueT]) -> st.SearchStrategy[list[ValueT]]:
    return st.lists(st.sampled_from(values), max_size=3, unique=True)
