import pytest

from lea_payments.notifications.delivery import Delivery, Outcome, Stage
from lea_payments.notifications.endpoints import ENDPOINT_LIMIT
from lea_payments.store.items import Item
from lea_payments.store.notifications.items import OutboxState, attribute_of, deliveries_of, state_of

FULL = Delivery(9, 10, 7, 1764247000000, 1764247000001, 1764247000002, Outcome.UNREACHABLE, Stage.DEAD_LETTERED)
LEASE = {"notify_lease": {"N": "9"}}


@pytest.mark.parametrize("delivery", [Delivery(), Delivery(version=0, target=0), FULL], ids=["empty", "zero", "full"])
def test_a_delivery_is_read_as_it_was_written(delivery: Delivery) -> None:
    item = {"notifications": attribute_of({"crm": delivery})}

    assert deliveries_of(item) == {"crm": delivery}


@pytest.mark.parametrize(
    "value", [{"S": "x"}, {"NULL": True}, {"M": {"crm": {"S": "x"}}}, {"M": {"crm": {"M": {"v": {"S": "1"}}}}}]
)
def test_a_value_of_another_type_counts_as_absent(value: dict[str, object]) -> None:
    assert set(deliveries_of({"notifications": value}).values()) <= {Delivery()}


def test_a_stage_of_another_version_counts_as_absent() -> None:
    entry = {"s": {"S": "unknown"}, "o": {"N": "1"}, "v": {"N": "3"}}

    assert deliveries_of({"notifications": {"M": {"crm": {"M": entry}}}}) == {"crm": Delivery(version=3)}


@pytest.mark.parametrize(
    ("item", "state"),
    [
        ({}, OutboxState({})),
        (
            {
                "notify_shard": {"S": "1"},
                "notify_at": {"N": "5"},
                "notify_version": {"N": "2"},
                "notify_lease": {"N": "9"},
            },
            OutboxState({}, 5, 9, 2),
        ),
        (
            {"notify_shard": {"S": "dead"}, "notify_at": {"N": "5"}},
            OutboxState({}, None, None, None, is_dead_lettered=True),
        ),
    ],
    ids=["nothing", "due and leased", "dead-lettered"],
)
def test_the_state_says_what_is_due(item: Item, state: OutboxState) -> None:
    assert state_of(item) == state


def test_the_deliveries_of_all_endpoints_stay_small() -> None:
    attribute = attribute_of({f"{'e' * 28}{number}": FULL for number in range(ENDPOINT_LIMIT)})

    assert len(str(attribute)) < 4000
