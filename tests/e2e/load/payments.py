"""Creates a payment with the checkout API and pays it at the emulator."""

import httpx

from tests.e2e.release import Release
from tests.support.waiting import until


def pay(release: Release) -> tuple[str, str]:
    """Pays one payment through a release's services; returns its id and its session."""
    with release.at("checkout", "/readyz") as checkout, release.at("emulator", "/health") as emulator:
        return pay_at(checkout, emulator, release.secret("apiToken"))


def pay_at(checkout: str, emulator: str, token: str) -> tuple[str, str]:
    """Pays one payment through these addresses, with a token of the API; returns its id and its session."""
    headers = {"Authorization": f"Bearer {token}"}
    body = {"user_id": "user_1", "quote_id": "quote_1", "amount": 12000, "currency": "sgd", "product_name": "Insurance"}

    def create() -> httpx.Response:
        """A 503 says that the same call may be repeated: on a busy machine, DynamoDB Local can be slow."""
        response = httpx.post(f"{checkout}/payments", json=body, headers=headers, timeout=30)
        assert response.status_code != httpx.codes.SERVICE_UNAVAILABLE, response.text
        return response

    created = until(lambda: [create()], "the payment to be created")[0]
    assert created.status_code == httpx.codes.CREATED, created.text
    payment = created.json()["payment"]
    paid = httpx.post(f"{emulator}/_pay/{payment['stripe_session_id']}", json={"card": "4242424242424242"}, timeout=30)
    assert paid.is_success, paid.text
    return payment["payment_intent_id"], payment["stripe_session_id"]
