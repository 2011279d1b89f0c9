"""Sends the examples of `/openapi.json` to the controls."""

from typing import Any

import pytest

from stripe_emulator.controls.routes import CONTROLS, Control
from tests.support.emulator import EmulatorClient

EXAMPLES = [
    pytest.param(control, example, id=f"{control.path}-{number}")
    for control in CONTROLS
    if control.body
    for number, example in enumerate(control.body.model_json_schema()["examples"])
]


@pytest.mark.parametrize(("control", "example"), EXAMPLES)
def test_a_control_accepts_its_examples(emulator: EmulatorClient, control: Control, example: dict[str, Any]) -> None:
    ids = _ids(emulator)
    body = example | {"payment_intent": ids["intent"]} if "payment_intent" in example else example

    answer = emulator.http.request(control.method, control.path.format(**ids), json=body)

    # The example of an authentication is a failed one, which declines the payment.
    assert answer.status_code == (402 if body == {"result": "failed"} else 200), answer.text
    assert emulator.http.delete("/_faults").is_success


@pytest.mark.parametrize("control", [one for one in CONTROLS if one.body], ids=lambda one: one.path)
def test_openapi_has_the_example_of_a_body(emulator: EmulatorClient, control: Control) -> None:
    paths = emulator.http.get("/openapi.json").json()["paths"]
    content = paths[control.path][control.method.lower()]["requestBody"]["content"]["application/json"]

    assert control.body
    assert content["example"] == content["schema"]["examples"][0]
    for example in content["schema"]["examples"]:
        assert control.body.model_validate(example)


def _ids(emulator: EmulatorClient) -> dict[str, str]:
    """The ids in the paths of the controls, of objects that each control can change."""
    waiting = emulator.checkout().id
    emulator.pay(waiting, card="4000000000003220").raise_for_status()
    intent, disputed, refunded = [emulator.pay(emulator.checkout().id).json()["payment_intent"] for _ in range(3)]
    return {
        "session_id": emulator.checkout().id,
        "object_id": waiting,
        "intent": intent,
        "dispute_id": emulator.control("/_disputes", payment_intent=disputed)["id"],
        "refund_id": emulator.stripe.v1.refunds.create({"payment_intent": refunded})["id"],
        "event_id": emulator.events()[0]["id"],
        "endpoint_id": emulator.stripe.v1.webhook_endpoints.list().data[0].id,
    }
