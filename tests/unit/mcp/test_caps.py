"""Checks that the caps count every link that exists or can exist, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.mcp.caps import WINDOW_SECONDS, CappedLink, Caps, Limits
from lea_payments.mcp.errors import ToolRefusalError

LIMITS = Limits({"sgd": 500, "jpy": 900}, {"sgd": 1000, "jpy": 5000}, 4)


def link(number: int = 1, amount: int = 300, currency: str = "sgd") -> CappedLink:
    return CappedLink(f"payment_{number}", amount, currency)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def caps(clock: Clock) -> Caps:
    return Caps(LIMITS, clock)


def create(caps: Caps, one: CappedLink) -> None:
    caps.admit(one)
    caps.settle(one, created=True)


def refusal(caps: Caps, one: CappedLink) -> str:
    with pytest.raises(ToolRefusalError) as refused:
        caps.admit(one)
    return refused.value.code


@pytest.mark.parametrize(
    ("one", "code"),
    [(link(amount=501), "amount_over_cap"), (link(currency="eur"), "currency_not_allowed")],
    ids=["amount", "currency"],
)
def test_a_call_over_its_cap_is_refused(caps: Caps, one: CappedLink, code: str) -> None:
    assert refusal(caps, one) == code


def test_an_hour_has_a_total_for_each_currency(caps: Caps) -> None:
    for number in range(3):
        create(caps, link(number))

    assert refusal(caps, link(4)) == "hourly_amount_over_cap"
    create(caps, link(5, 100))
    assert refusal(caps, link(6, 100)) == "hourly_links_over_cap"
    assert refusal(caps, link(6, 100, "jpy")) == "hourly_links_over_cap"


def test_a_link_counts_for_an_hour(caps: Caps, clock: Clock) -> None:
    for number in range(3):
        create(caps, link(number))

    clock.now = WINDOW_SECONDS - 1
    assert refusal(caps, link(4)) == "hourly_amount_over_cap"
    clock.now = WINDOW_SECONDS
    create(caps, link(4))


def test_a_repeated_call_counts_once(caps: Caps) -> None:
    for _ in range(20):
        create(caps, link())
    caps.admit(link())
    caps.settle(link(), created=False)

    create(caps, link(2, 500))
    assert refusal(caps, link(3)) == "hourly_amount_over_cap"


def test_a_call_that_created_nothing_does_not_count(caps: Caps) -> None:
    for number in range(20):
        caps.admit(link(number))
        caps.settle(link(number), created=False)

    create(caps, link())


def test_calls_at_the_same_time_cannot_pass_a_cap(caps: Caps, clock: Clock) -> None:
    for number in range(3):
        caps.admit(link(number))

    clock.now = 10 * WINDOW_SECONDS
    assert refusal(caps, link(4)) == "hourly_amount_over_cap"


def test_a_refused_twin_does_not_uncount_a_link(caps: Caps) -> None:
    """The first of two calls for the same payment is refused while the second one creates the link."""
    for number in range(3):
        caps.admit(link(number))
        caps.admit(link(number))
        caps.settle(link(number), created=False)
        caps.settle(link(number), created=True)

    assert refusal(caps, link(4)) == "hourly_amount_over_cap"


steps = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 600), st.booleans(), st.integers(0, 2000)), max_size=60)


@given(steps)
def test_no_hour_has_more_than_its_caps(calls: list[tuple[int, int, bool, int]]) -> None:
    clock = Clock()
    caps, created = Caps(LIMITS, clock), dict[CappedLink, float]()
    for number, amount, is_created, pause in calls:
        clock.now += pause
        one = link(number, amount)
        try:
            caps.admit(one)
        except ToolRefusalError:
            continue
        caps.settle(one, created=is_created)
        if is_created:
            created[one] = clock.now

    for start in created.values():
        hour = [one for one, at in created.items() if start <= at < start + WINDOW_SECONDS]
        assert len(hour) <= LIMITS.hourly_links
        assert sum(one.amount for one in hour) <= LIMITS.hourly_amount["sgd"]
