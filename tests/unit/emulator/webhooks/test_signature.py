"""Verifies signatures with the official package."""

import pytest
import stripe

from stripe_emulator.webhooks import signature

BODY = '{"id": "evt_1", "name": "Zürich"}'
NOW = 1_800_000_000


@pytest.mark.parametrize("secret", ["whsec_current", "whsec_previous"])
def test_every_active_secret_verifies(secret: str) -> None:
    header = signature.header(BODY.encode(), ["whsec_current", "whsec_previous"], NOW)

    assert stripe.WebhookSignature.verify_header(BODY, header, secret)


@pytest.mark.parametrize(
    ("body", "secret"), [(BODY + " ", "whsec_current"), (BODY, "whsec_other")], ids=["changed body", "other secret"]
)
def test_another_body_or_secret_does_not_verify(body: str, secret: str) -> None:
    header = signature.header(BODY.encode(), ["whsec_current"], NOW)

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body, header, secret)


def test_the_signature_covers_the_time() -> None:
    assert signature.header(b"{}", ["s"], NOW).split(",")[1] != signature.header(b"{}", ["s"], NOW + 1).split(",")[1]
