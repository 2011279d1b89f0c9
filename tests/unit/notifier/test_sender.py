import pytest

from lea_payments.notifications.delivery import Outcome
from lea_payments.notifier.sender import outcome_of, retry_after


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((200, Outcome.DELIVERED), (204, Outcome.DELIVERED), (301, Outcome.REDIRECTED), (400, Outcome.REJECTED)),
        *((404, Outcome.REJECTED), (410, Outcome.GONE), (429, Outcome.REJECTED), (500, Outcome.FAILED)),
        *((503, Outcome.FAILED), (999, Outcome.FAILED)),
    ],
)
def test_the_status_decides_the_outcome(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(
            ("", 0),
            ("120", 120),
            (" 7 ", 7),
            ("-5", 0),
            ("soon", 0),
            ("1" * 400, 1111111111),
            ("\N{ARABIC-INDIC DIGIT ONE}", 0),
        ),
        *(("Thu, 01 Jan 1970 00:02:00 GMT", 20), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)),
        ("Thu, 01 Jan 99999 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after(text, now=100) == seconds
