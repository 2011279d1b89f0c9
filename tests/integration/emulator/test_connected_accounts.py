"""Delivers events of connected accounts and of organizations."""

import pytest

from tests.integration.emulator.conftest import Start
from tests.integration.emulator.receiver import Receiver, serve
from tests.support.emulator import EmulatorClient


def copy(emulator: EmulatorClient, event_type: str, **origin: object) -> dict[str, object]:
    event = emulator.stripe.v1.events.list({"type": event_type}).data[0]
    copied: dict[str, object] = emulator.control(f"/_events/{event.id}/copy", **origin)
    return copied


def test_a_connect_endpoint_gets_connected_accounts(emulator: EmulatorClient, receiver: Receiver) -> None:
    with serve(Receiver()) as connect:
        endpoint = emulator.stripe.v1.webhook_endpoints.create(
            {"url": connect.url, "enabled_events": ["*"], "connect": True}
        )
        connect.secret = endpoint.secret or ""
        emulator.pay(emulator.checkout().id).raise_for_status()
        copied = copy(emulator, "checkout.session.completed", account="acct_1")

        event = connect.first("checkout.session.completed").event
    assert (event.id, event.account) == (copied["id"], "acct_1")
    assert connect.types() == ["checkout.session.completed"]
    assert all("account" not in one.json for one in receiver.requests)
    assert all(event["id"] != copied["id"] for event in emulator.events())
    assert emulator.stripe.v1.events.retrieve(copied["id"]).account == "acct_1"


def test_an_event_of_an_organization_has_a_context(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})
    copied = copy(emulator, "customer.created", context="acct_2")
    received = receiver.wait(lambda requests: len(requests) == 2)

    contexts = {one.event.id: one.json.get("context") for one in received}
    assert contexts[str(copied["id"])] == "acct_2"
    assert list(contexts.values()).count(None) == 1


def test_the_endpoint_of_the_settings_gets_both_kinds(start: Start, receiver: Receiver) -> None:
    emulator = start()
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})
    copy(emulator, "customer.created", account="acct_1", livemode=True)
    received = receiver.wait(lambda requests: len(requests) == 2)

    origins = {(one.json.get("account"), one.event.livemode) for one in received}
    assert origins == {(None, False), ("acct_1", True)}


@pytest.mark.parametrize("body", [{"account": ""}, {"context": 1}, {"livemode": "yes"}, {"colour": "red"}])
def test_an_invalid_origin_is_refused(emulator: EmulatorClient, body: dict[str, object]) -> None:
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})
    event = emulator.stripe.v1.events.list({"type": "customer.created"}).data[0]

    answer = emulator.http.post(f"/_events/{event.id}/copy", json=body)
    assert answer.status_code == 400
