from lea_payments.telemetry.throttle import Seldom


def test_the_first_of_each_subject_passes_at_once() -> None:
    seldom = Seldom(60)

    assert [seldom.pass_on(subject, 0) for subject in ("one", "other", "one", "other")] == [1, 1, 0, 0]


def test_after_the_time_the_next_passes_with_the_number_of_all_since() -> None:
    seldom = Seldom(60)

    passed = [seldom.pass_on("one", now) for now in (100, 110, 159, 160, 161, 220)]

    assert passed == [1, 0, 0, 3, 0, 2]
