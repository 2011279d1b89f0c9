from lea_payments.telemetry.throttle import PerSecond, Throttle


def test_the_first_event_of_each_key_is_due_at_once() -> None:
    throttle = Throttle(60)

    assert [throttle.count(key, 0) for key in ("one", "other", "one", "other")] == [1, 1, 0, 0]


def test_the_next_line_has_the_count_since_the_last() -> None:
    throttle = Throttle(60)

    counts = [throttle.count("one", now) for now in (100, 110, 159, 160, 161, 220)]

    assert counts == [1, 0, 0, 3, 0, 2]


def test_a_few_events_per_key_and_second_are_allowed() -> None:
    limit = PerSecond(2)

    allowed = [limit.allows(key, now) for key, now in [("a", 1.0), ("a", 1.5), ("a", 1.9), ("b", 1.9), ("a", 2.0)]]

    assert allowed == [True, True, False, True, True]
