"""Moves the emulator's clock ahead while the clocks of the services stay where they are."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lea_payments.settings import TableSettings
from tests.support.checkout_api import SECRETS, STRIPE_KEY, payment_body
from tests.support.command_line import command_runner
from tests.support.emulator import EmulatorClient
from tests.support.shop import Shop, open_account, open_shop

HOUR = 3600


@pytest.fixture(scope="module")
def emulator(start_service: Callable[..., str], free_port: Callable[[], int]) -> Iterator[EmulatorClient]:
    with open_account(start_service, free_port) as account:
        yield account


@pytest.fixture(scope="module")
def checkout(emulator: EmulatorClient, start_service: Callable[..., str]) -> str:
    return start_service("checkout", STRIPE_API_BASE=emulator.url, **SECRETS)


@pytest.fixture
def shop(checkout: str, emulator: EmulatorClient) -> Iterator[Shop]:
    with (shop := open_shop(checkout, emulator)).api:
        yield shop
    emulator.reset()


@pytest.mark.parametrize("seconds", [23 * HOUR, 24 * HOUR, 40 * 24 * HOUR])
def test_an_expired_link_is_followed_by_a_new_one(shop: Shop, seconds: int) -> None:
    body = payment_body()
    first = shop.create(**body)
    shop.account.control("/_advance", seconds=seconds)
    shop.until(first["payment_intent_id"], "expired")

    second = shop.create(**body)
    shop.account.pay(second["stripe_session_id"]).raise_for_status()

    assert second["stripe_session_id"] != first["stripe_session_id"]
    assert shop.until(first["payment_intent_id"], "completed")


@pytest.mark.parametrize("seconds", [60, 23 * HOUR, 40 * 24 * HOUR])
def test_a_link_lives_for_its_time_after_an_advance(shop: Shop, seconds: int) -> None:
    shop.account.control("/_advance", seconds=seconds)
    payment = shop.create()

    session = shop.session(payment["stripe_session_id"])
    assert 23 * HOUR - 60 <= session["expires_at"] - session["created"] <= 23 * HOUR
    shop.account.control("/_advance", seconds=22 * HOUR)
    assert shop.session(session["id"])["status"] == "open"
    shop.account.control("/_advance", seconds=HOUR)
    assert shop.session(session["id"])["status"] == "expired"


@pytest.mark.parametrize("seconds", [60, 23 * HOUR, 40 * 24 * HOUR])
def test_lost_events_are_replayed_after_an_advance(
    shop: Shop, table_settings: TableSettings, tmp_path: Path, seconds: int
) -> None:
    shop.account.set_faults(drop=1)
    shop.account.control("/_advance", seconds=seconds)
    payment = shop.create()
    shop.account.pay_without_waiting(payment["stripe_session_id"])
    run = command_runner(tmp_path, table_settings, STRIPE_SECRET_KEY=STRIPE_KEY, STRIPE_API_BASE=shop.account.url)

    result = run("replay", "--since", "1h", "--payment", payment["payment_intent_id"])

    assert result.returncode == 0, result.stdout + result.stderr
    assert shop.read(payment["payment_intent_id"])["payment_status"] == "completed"


@pytest.mark.parametrize("seconds", [60, 23 * HOUR, 40 * 24 * HOUR])
def test_lost_events_are_reconciled_after_an_advance(
    shop: Shop, start_service: Callable[..., str], seconds: int
) -> None:
    shop.account.set_faults(drop=1)
    shop.account.control("/_advance", seconds=seconds)
    payment = shop.create()
    shop.account.pay_without_waiting(payment["stripe_session_id"])

    start_service("reconciler", STRIPE_API_BASE=shop.account.url, STRIPE_SECRET_KEY=STRIPE_KEY)

    assert shop.until(payment["payment_intent_id"], "completed")
