"""A payment from the API to the card, through the forwarded ports."""

import httpx

from tests.e2e.release import Release


def pay(release: Release) -> tuple[str, str]:
    """A payment from the API to the card at the emulator: its id and where the customer is sent."""
    headers = {"Authorization": f"Bearer {release.secret('apiToken')}"}
    body = {"user_id": "user_1", "quote_id": "quote_1", "amount": 12000, "currency": "sgd", "product_name": "Insurance"}
    with release.at("checkout", "/readyz") as checkout, release.at("emulator", "/health") as emulator:
        created = httpx.post(f"{checkout}/payments", json=body, headers=headers, timeout=30)
        assert created.status_code == 201, created.text
        session = created.json()["payment"]["stripe_session_id"]
        paid = httpx.post(f"{emulator}/_pay/{session}", json={"card": "4242424242424242"}, timeout=30)
        assert paid.is_success, paid.text
    return created.json()["payment"]["payment_intent_id"], session
