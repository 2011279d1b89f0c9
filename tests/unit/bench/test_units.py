"""Tests the units of DynamoDB, their price, and how far a table scales."""

from msgspec.structs import replace

from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.items import Item, attributes_of
from tests.bench.limits import Figure
from tests.bench.published import scale, units
from tests.bench.published.capacity import CapacityRow
from tests.bench.published.stages import StageRow
from tests.bench.published.stored_payments import copies, payment_id, with_session
from tests.bench.published.table_sizes import Burst, SizesResult, ids_of, rows_of
from tests.support.item_sizes import size_of

PAYMENT = with_session(0)
ROWS = (
    StageRow("created", 0.5, 3, 0.5, 3, 0, 395),
    StageRow("completed", 0, 5, 0, 6, 2, 910),
    StageRow("notified", 0, 0, 0, 12, 6, 1079),
)


def _item(payment: Payment, **more: object) -> Item:
    return {**attributes_of(payment), **{name: {"S": value} for name, value in more.items()}}


def test_the_size_of_an_item_follows_dynamodbs_rules() -> None:
    """Names and texts in bytes; numbers half of their digits; lists and maps 3 bytes and 1 for each element."""
    assert size_of({"é": {"S": "ab"}}) == 4
    assert size_of({"n": {"N": "1234"}}) == 5
    assert size_of({"l": {"L": [{"BOOL": True}]}}) == 6
    assert size_of({"m": {"M": {"a": {"NULL": True}}}}) == 7


def test_a_new_item_is_written_to_the_table_and_each_index() -> None:
    indexes = ("user_id", "quote_id", "stripe_session_id")

    assert all(name in _item(PAYMENT) for name in indexes)
    assert units.write_units(None, _item(PAYMENT)) == 1 + len(indexes)


def test_an_unpublished_change_is_written_only_to_the_table() -> None:
    assert units.write_units(_item(PAYMENT), _item(PAYMENT, checkout_locale="de")) == 1


def test_a_published_change_is_written_to_each_published_index() -> None:
    changed = replace(PAYMENT, product_name="Another")

    assert units.write_units(_item(PAYMENT), _item(changed)) == 1 + len(table.PUBLISHED_INDEXES)


def test_a_changed_key_costs_an_index_two_writes() -> None:
    changed = replace(PAYMENT, user_id="user_another")

    assert units.write_units(_item(PAYMENT), _item(changed)) == 1 + 2 + 2


def test_a_unit_writes_a_kibibyte_and_reads_four() -> None:
    large = _item(PAYMENT, padding="x" * 1_024)

    assert units.write_units(_item(PAYMENT), large) == 2
    assert units.write_units(large, _item(PAYMENT)) == 2, "the larger item counts"
    assert units.read_units(large, consistent=True) == 1
    assert units.read_units(large, consistent=False) == 0.5


def test_a_million_payments_cost_the_sum_of_their_stages() -> None:
    assert scale.price_of_a_million(ROWS, notifications=False) == (0.5, 8, 0.0625 + 5)
    assert scale.price_of_a_million(ROWS, notifications=True) == (0.5, 21, 0.0625 + 13.125)


def test_ten_thousand_events_need_partitions_calls_and_pods() -> None:
    assert (scale.partitions(10_000), scale.calls(10_000), scale.pods(10_000, 12_000)) == (10, 400, 2)
    assert (scale.partitions(10_001), scale.calls(10_001), scale.pods(10_001, 10_000)) == (11, 401, 3)


def test_a_notification_costs_its_index_the_mark_and_two_writes() -> None:
    """The rows have the notifications of two changes."""
    assert scale.notification_units(ROWS) == 1 + 3
    assert scale.notified_changes_per_second(4) == 1_000


def test_the_steps_use_the_cheapest_number_of_connections() -> None:
    one = Figure(1, 1, 1)
    capacity = [CapacityRow(number, one, Figure(number * 100, 1, 1), one, one, one) for number in (1, 128, 32)]
    steps = list(scale.steps(ROWS, capacity))

    assert len(steps) == 5
    assert "12,800 events per second at 128 connections" in steps[-1]
    assert "need 2 pods" in steps[-1]


def test_a_copied_row_has_ids_of_its_own() -> None:
    row = [b"payment_00000000", b"hash", 843, b'{"S":"user_00000000"}', None]
    (copy,) = copies(row, [7])

    assert [copy[0], *copy[2:]] == [b"payment_00000007", 843, b'{"S":"user_00000007"}', None]
    assert copy[1] != b"hash"


def test_every_payment_of_a_table_gets_one_event() -> None:
    assert sorted(ids_of(1_000)) == [payment_id(number) for number in range(1_000)]


def test_a_size_is_compared_with_the_smallest_table() -> None:
    small, large = rows_of({10: [100, 200], 1_000: [110, 210]})

    assert small.ratio.middle == 1
    assert (large.payments, large.cpu_us.middle, round(large.ratio.middle, 3)) == (1_000, 160, 1.075)


def test_the_sizes_are_met_if_every_table_and_the_burst_are() -> None:
    same, dear = rows_of({10: [100.0], 100: [105.0]}), rows_of({10: [100.0], 100: [107.0]})
    fast, slow = (Burst(10_000, 128, 5, 100, p99_ms) for p99_ms in (999, 1_000))

    assert SizesResult(same, fast, 30).met
    assert not SizesResult(dear, fast, 30).met
    assert not SizesResult(same, slow, 30).met
