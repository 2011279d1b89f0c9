from lea_payments.telemetry.throttle import Throttle


def test_the_first_of_each_subject_passes_at_once() -> None:
    seldom = Throttle(60)

    assert [seldom.count(subject, 0) for subject in ("one", "other", "one", "other")] == [1, 1, 0, 0]


def test_after_the_time_the_next_passes_with_the_number_of_all_since() -> None:
    seldom = Throttle(60)

    passed = [seldom.count("one", now) for now in (100, 110, 159, 160, 161, 220)]

    assert passed == [1, 0, 0, 3, 0, 2]
