import json

from lea_payments.commands.showing.document import as_json
from lea_payments.commands.showing.findings import Findings, PaymentView, as_text
from lea_payments.commands.showing.notifications import document, notification_lines
from lea_payments.notifications.delivery import Attempt, Delivery, Outcome, Stage
from lea_payments.store.notifications.items import OutboxState
from tests.support.first_events import BY_CHECKOUT

AT = 1764237720000
FAILED = Delivery(version=2).after(Attempt(Outcome.FAILED, 500), version=3, target=3, now=AT)
DEAD = Delivery().after(Attempt(Outcome.TIMEOUT), version=3, target=3, now=AT, pauses=[10**6])
GONE = Delivery().after(Attempt(Outcome.GONE, 410), version=3, target=3, now=AT)
DELIVERED = Delivery().after(Attempt(Outcome.DELIVERED, 204), version=3, target=3, now=AT)


def test_each_endpoint_has_a_sentence() -> None:
    state = OutboxState({"a": DELIVERED, "b": FAILED, "c": DEAD, "d": GONE, "e": Delivery()}, AT + 5000)

    lines = dict(notification_lines(state))

    assert lines == {
        "a": "version 3 is delivered, 2025-11-27 10:02:00 UTC",
        "b": "version 3: the receiver failed, 1 attempt, next attempt 2025-11-27 10:02:05 UTC; version 2 is delivered",
        "c": "version 3: the receiver did not answer in time, 1 attempt, given up: `lea-payments notify "
        "--dead-lettered` sends it again; nothing is delivered yet",
        "d": "version 3: the receiver answered 410 Gone, 1 attempt, not sent again; nothing is delivered yet",
        "e": "nothing is delivered yet",
        "Due": "2025-11-27 10:02:05 UTC",
    }


def test_a_lease_is_shown() -> None:
    assert [*notification_lines(OutboxState({}, AT, AT))] == [("Due", "2025-11-27 10:02:00 UTC, a notifier holds it")]


def test_a_payment_without_notifications_has_no_lines() -> None:
    assert [*notification_lines(OutboxState({}))] == []


def test_json_has_the_same_with_times_in_utc() -> None:
    assert document(OutboxState({"crm": FAILED}, AT + 5000)) == {
        "endpoints": {
            "crm": {
                "version": 2,
                "target": 3,
                "attempts": 1,
                "first_failure": "2025-11-27T10:02:00.000Z",
                "last_attempt": "2025-11-27T10:02:00.000Z",
                "next_attempt": "2025-11-27T10:02:05.000Z",
                "outcome": Outcome.FAILED,
                "stage": Stage.DUE,
            }
        },
        "due_at": "2025-11-27T10:02:05.000Z",
        "dead_lettered": False,
    }
    assert document(OutboxState({}))["due_at"] is None


def test_show_has_the_notifications_of_a_payment() -> None:
    view = PaymentView(BY_CHECKOUT, None, OutboxState({"crm": DELIVERED}))
    findings = Findings("payments", [view])

    lines = [line.plain for line in as_text(findings, 200)]
    (shown,) = json.loads(as_json(findings))

    assert lines[lines.index("Notifications") + 1].split()[:4] == ["crm", "version", "3", "is"]
    assert shown["notifications"]["endpoints"]["crm"]["version"] == 3


def test_show_without_notifications_is_as_before() -> None:
    findings = Findings("payments", [PaymentView(BY_CHECKOUT, None, OutboxState({}))])

    assert "Notifications" not in [line.plain for line in as_text(findings, 200)]
    assert "notifications" not in json.loads(as_json(findings))[0]
