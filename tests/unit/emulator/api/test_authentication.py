"""Tests the authentication with API keys."""

import base64

import pytest

from stripe_emulator.api import authentication
from stripe_emulator.reference.errors import StripeApiError


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize("header", ["Bearer sk_test_a", "bearer rk_test_a", basic("sk_test_a:")])
def test_test_keys_are_accepted(header: str) -> None:
    authentication.check(header)


@pytest.mark.parametrize("header", ["", "Bearer ", basic(":")])
def test_a_missing_key_is_refused(header: str) -> None:
    with pytest.raises(StripeApiError, match="did not provide an API key") as error_info:
        authentication.check(header)

    assert error_info.value.status == 401


@pytest.mark.parametrize("header", ["Bearer sk_live_real1234", basic("sk_live_real1234:"), "Basic é"])
def test_any_other_key_is_refused_and_not_repeated(header: str) -> None:
    with pytest.raises(StripeApiError, match="Invalid API Key") as error_info:
        authentication.check(header)

    assert error_info.value.status == 401
    assert "sk_live_real" not in error_info.value.message
