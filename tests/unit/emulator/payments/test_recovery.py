"""Tests the recovery of expired checkout sessions."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.payments import checkout, methods, recovery
from stripe_emulator.reference import cards
from stripe_emulator.state.account import Account
from stripe_emulator.v1.checkout import sessions

Json = dict[str, Any]


@pytest.fixture
def expired(account: Account, call: Callable[..., ApiCall], session_params: Json) -> Json:
    more = {"client_reference_id": "payment_1", "metadata": {"quote_id": "q_1"}}
    data = {"payment_intent_data": {"metadata": {"payment_intent_id": "payment_1"}}}
    recover = {"after_expiration": {"recovery": {"enabled": True}}}
    session = sessions.create(account, call(**session_params, **more, **data, **recover))
    checkout.expire(account, session)
    return session


def token(session: Json) -> str:
    return str(session["after_expiration"]["recovery"]["url"].rpartition("/")[2])


def test_an_expired_session_has_a_recovery_url(account: Account, expired: Json, event_log: Any) -> None:
    shown = event_log.last("checkout.session.expired")["after_expiration"]["recovery"]

    assert shown["url"].startswith("http://localhost:8087/r/test_")
    assert shown["expires_at"] == account.now() + 30 * 24 * 3600
    assert token(expired) in account.store.recoveries


def test_a_session_without_recovery_has_no_url(account: Account, session: Json) -> None:
    checkout.expire(account, session)

    assert (session["after_expiration"], account.store.recoveries) == (None, {})


def test_a_recovered_session_is_a_copy(account: Account, expired: Json) -> None:
    recovered = recovery.recover(account, token(expired))

    assert recovered is not None
    assert (recovered["recovered_from"], recovered["status"]) == (expired["id"], "open")
    assert recovered["id"] != expired["id"]
    same = ("client_reference_id", "metadata", "amount_total", "currency", "success_url", "mode")
    assert [recovered[name] for name in same] == [expired[name] for name in same]
    assert recovered["url"].endswith(recovered["id"])
    assert recovered["after_expiration"]["recovery"]["url"] is None


def test_a_recovered_session_has_its_own_line_items(account: Account, expired: Json) -> None:
    recovered = recovery.recover(account, token(expired)) or {}
    old, new = (account.store.orders[one["id"]].items[0] for one in (expired, recovered))

    assert new["id"] != old["id"]
    assert new | {"id": old["id"]} == old


def test_a_recovered_session_can_be_paid(account: Account, expired: Json, event_log: Any) -> None:
    recovered = recovery.recover(account, token(expired)) or {}
    checkout.pay(account, recovered, methods.create(account, cards.CARDS["visa"]))

    assert event_log.last("checkout.session.completed")["recovered_from"] == expired["id"]
    assert event_log.last("payment_intent.succeeded")["metadata"] == {"payment_intent_id": "payment_1"}
    assert expired["status"] == "expired"


def test_a_recovered_session_expires_again(account: Account, expired: Json) -> None:
    recovered = recovery.recover(account, token(expired)) or {}
    account.clock.ahead += recovery.LIFETIME
    checkout.run_due(account)

    assert recovered["status"] == "expired"
    assert token(recovered) != token(expired)


def test_a_recovery_url_ends_after_30_days(account: Account, expired: Json) -> None:
    account.clock.ahead += checkout.RECOVERY_SECONDS

    assert recovery.recover(account, token(expired)) is None
    assert recovery.recover(account, "test_unknown") is None
