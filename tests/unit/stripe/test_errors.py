import pytest

from lea_payments.stripe import errors


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.InvalidSignatureError("too_old", 400.0), "invalid_signature"),
        (errors.InvalidPayloadError("not JSON"), "invalid_payload"),
        (errors.WebhookError(), "refused"),
    ],
)
def test_each_webhook_error_has_its_outcome(error: errors.WebhookError, outcome: str) -> None:
    assert error.outcome == outcome


def test_a_signature_error_carries_reason_and_skew() -> None:
    error = errors.InvalidSignatureError("too_old", 400.0)

    assert (str(error), error.reason, error.skew_seconds) == ("invalid signature: too_old", "too_old", 400.0)
