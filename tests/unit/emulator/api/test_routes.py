"""Tests what all endpoints have in common."""

import pytest

from stripe_emulator.api.routes import ROUTES
from stripe_emulator.calls.call import ApiCall, Endpoint
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account


@pytest.mark.parametrize("endpoint", [pytest.param(route[2], id=f"{route[0]} {route[1]}") for route in ROUTES])
def test_every_endpoint_validates_its_parameters(account: Account, endpoint: Endpoint) -> None:
    with pytest.raises(StripeApiError) as error_info:
        endpoint(account, ApiCall("/v1/things", {"nonsense": "1"}, "thing_1"))

    assert error_info.value.code in ("parameter_unknown", "parameter_missing")


def test_every_route_is_listed_once() -> None:
    assert len({(method, path) for method, path, _ in ROUTES}) == len(ROUTES)
