"""Runs `lea-payments check` with a real table and the emulator."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stripe

from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.stripe.events import EVENT_TYPES, REQUIRED_EVENT_TYPES
from tests.support import tables
from tests.support.command_line import ENDPOINT_URL, KEY, SECRET, TOKEN, CheckCommand
from tests.support.emulator import EmulatorClient
from tests.support.secrets import signing_secret
from tests.support.stripe_proxy import StripeProxy

TWO_SECRETS = f"{SECRET},{signing_secret('old')}"


@pytest.fixture(scope="module")
def emulator(start_service: Callable[..., str]) -> Iterator[EmulatorClient]:
    with EmulatorClient(start_service("stripe-emulator"), KEY) as emulator:
        yield emulator


@pytest.fixture
def stripe_proxy(emulator: EmulatorClient, free_port: Callable[[], int]) -> Iterator[StripeProxy]:
    emulator.replace_endpoints([*EVENT_TYPES], ENDPOINT_URL)
    with StripeProxy(emulator.url, free_port()) as proxy:
        yield proxy


@pytest.fixture
def check(tmp_path: Path, table_settings: TableSettings) -> CheckCommand:
    return CheckCommand(tmp_path, table_settings)


def _env(stripe_url: str) -> dict[str, str]:
    return {"STRIPE_API_BASE": stripe_url, "STRIPE_SECRET_KEY": KEY}


def test_a_correct_setup_has_no_problems_and_is_not_changed(
    check: CheckCommand, stripe_proxy: StripeProxy, table_settings: TableSettings
) -> None:
    env = {"STRIPE_WEBHOOK_SECRET": TWO_SECRETS, "PAYMENTS_API_TOKEN": TOKEN} | _env(stripe_proxy.url)

    report, text = check(**env), check.text(**env)

    assert report.status == 0
    assert {finding["state"] for finding in report.findings} == {"ok"}
    assert report.of("signing secrets") == [("ok", "2, the first is current")]
    assert report.of("permissions") == [
        ("ok", "allowed: GetItem, Query, PartiQLUpdate, BatchGetItem, PutItem, UpdateItem")
    ]
    assert report.of("mode") == [("ok", "the key and STRIPE_LIVEMODE agree: test")]
    assert len(report.of("index")) == len(table.INDEXES)
    (readable,) = report.of("API key")
    assert readable == (
        "ok",
        "can read PaymentIntents, Events, Charges and Refunds, Disputes, Radar (early fraud warnings)",
    )
    assert [says for _, says in report.of("endpoint")] == [
        f"sends to {ENDPOINT_URL}",
        f"sends all {len(REQUIRED_EVENT_TYPES)} event types that the services need",
        f"uses API version {stripe.api_version}",
    ]
    assert text.count("✓") == len(report.findings)
    assert text.endswith("No problems found.\n")
    assert set(stripe_proxy.methods) == {"GET"}
    assert tables.client(table_settings).scan(TableName=table_settings.table)["Count"] == 0


def test_an_ignored_telemetry_setting_is_a_note(check: CheckCommand) -> None:
    report = check(OTEL_TRACES_SAMPLER_ARG="10", OTEL_EXPORTER_OTLP_HEADERS="authorization: secret")

    assert report.of("telemetry") == [
        (
            "note",
            "OTEL_EXPORTER_OTLP_HEADERS is ignored: it has no name=value at number 1: write name=value,name=value",
        ),
        ("note", "OTEL_TRACES_SAMPLER_ARG is ignored: it is not a ratio: set it to a number from 0 to 1"),
    ]


def test_wrong_settings_have_remedies_and_show_no_secret(check: CheckCommand, emulator: EmulatorClient) -> None:
    env = {"STRIPE_LIVEMODE": "true", "STRIPE_WEBHOOK_SECRET": f"{KEY},{SECRET}", "PAYMENTS_API_TOKEN": "short"}
    env |= _env(emulator.url)

    report, text = check(**env), check.text(**env)

    assert report.status == 1
    assert report.of("mode") == [("wrong", "the key is a test key, but STRIPE_LIVEMODE is true")]
    assert report.of("signing secrets") == [
        ("wrong", "STRIPE_WEBHOOK_SECRET: number 1 of 2 is an API key and not a signing secret")
    ]
    assert report.of("API tokens") == [
        ("wrong", "PAYMENTS_API_TOKEN: it has fewer than 16 characters and can be guessed")
    ]
    assert text.count("✗") == len(report.wrong())
    for secret in ("goldhahn", "short", "Rohrammer"):
        assert secret not in text + json.dumps(report.findings)


def test_without_a_key_only_reading_the_table_is_checked(check: CheckCommand) -> None:
    report = check()

    assert report.status == 0
    assert ("ok", "allowed: GetItem, Query") in report.of("permissions")
    assert report.of("Stripe") == [("note", "not checked: STRIPE_SECRET_KEY is not set")]


def test_all_invalid_settings_are_reported_together(check: CheckCommand, tmp_path: Path) -> None:
    report = check(DDB_ENDPOINT="dynamodb:8000", STRIPE_LIVEMODE="maybe", STRIPE_ACCOUNT="mine")
    named = [finding["says"].partition(":")[0] for finding in report.wrong()]
    assert named == ["DDB_ENDPOINT", "STRIPE_LIVEMODE", "STRIPE_ACCOUNT"]

    missing = check(STRIPE_WEBHOOK_SECRET_FILE=str(tmp_path / "nowhere"))
    assert [finding["subject"] for finding in missing.wrong()] == ["signing secrets"]
    key = check(STRIPE_SECRET_KEY="pk_test_1", STRIPE_API_BASE="http://127.0.0.1:1")
    assert ("wrong", "STRIPE_SECRET_KEY: it is a publishable key and not a secret one") in key.of("API key")


def test_an_endpoint_with_other_event_types_is_reported(check: CheckCommand, emulator: EmulatorClient) -> None:
    endpoint = emulator.replace_endpoints([*[*EVENT_TYPES][2:], "customer.created"], ENDPOINT_URL)

    report = check(**_env(emulator.url))

    assert report.of(f"endpoint {endpoint}")[1:3] == [
        ("wrong", "does not send checkout.session.completed, checkout.session.async_payment_succeeded"),
        ("note", "sends event types that are ignored: customer.created"),
    ]
    assert len(report.wrong()) == 1


def test_an_endpoint_of_the_version_before_lacks_events(check: CheckCommand, emulator: EmulatorClient) -> None:
    new = ["refund.created", "radar.early_fraud_warning.created", "radar.early_fraud_warning.updated"]
    emulator.replace_endpoints([name for name in EVENT_TYPES if name not in new], ENDPOINT_URL)

    (finding,) = check(**_env(emulator.url)).wrong()

    assert finding["says"] == f"does not send {', '.join(new)}"


@pytest.mark.parametrize(
    ("url", "secrets", "states"),
    [
        (f"{ENDPOINT_URL}/", SECRET, ["wrong"]),
        (f"{ENDPOINT_URL}/", TWO_SECRETS, []),
        (f"{ENDPOINT_URL}/", "", []),
        ("https://other.example/webhook/stripe", SECRET, ["note"]),
        ("https://other.example/webhook/stripe", TWO_SECRETS, []),
    ],
    ids=["same URL", "same URL and two secrets", "no secrets", "other host", "other host and two secrets"],
)
def test_a_second_endpoint_needs_a_second_secret(
    check: CheckCommand, emulator: EmulatorClient, url: str, secrets: str, states: list[str]
) -> None:
    emulator.replace_endpoints([*EVENT_TYPES], ENDPOINT_URL)
    form = {"url": url, "enabled_events[]": [*EVENT_TYPES]}
    emulator.http.post("/v1/webhook_endpoints", data=form).raise_for_status()

    report = check(STRIPE_WEBHOOK_SECRET=secrets, **_env(emulator.url))

    assert [state for state, says in report.of("endpoints") if "signing secrets is 1" in says] == states
    assert report.status == ("wrong" in states)


def test_an_endpoint_that_sends_all_types_is_a_note(check: CheckCommand, emulator: EmulatorClient) -> None:
    endpoint = emulator.replace_endpoints(["*"], ENDPOINT_URL)

    report = check(**_env(emulator.url))

    assert report.status == 0
    assert report.of(f"endpoint {endpoint}")[1] == ("note", "sends all event types; most are ignored")


def test_a_disabled_endpoint_is_reported(check: CheckCommand, emulator: EmulatorClient) -> None:
    endpoint = emulator.replace_endpoints([*EVENT_TYPES], ENDPOINT_URL)
    emulator.http.post(f"/v1/webhook_endpoints/{endpoint}", data={"disabled": "true"}).raise_for_status()

    (finding,) = check(**_env(emulator.url)).wrong()

    assert finding["says"] == f"is disabled: nothing is sent to {ENDPOINT_URL}"


def test_the_endpoint_is_found_by_its_path_or_its_url(check: CheckCommand, emulator: EmulatorClient) -> None:
    elsewhere = "https://payments.example/stripe/events"
    endpoint = emulator.replace_endpoints([*EVENT_TYPES], elsewhere)

    unknown = check(**_env(emulator.url))
    assert [state for state, _ in unknown.of("endpoint")] == ["note"]
    live = check(**_env(emulator.url), STRIPE_LIVEMODE="true")
    assert [state for state, _ in live.of("endpoint")] == ["wrong"]
    assert check("--endpoint", elsewhere, **_env(emulator.url)).of(f"endpoint {endpoint}")[0] == (
        "wrong",
        f"sends to {elsewhere}, but the webhook serves only /webhook/stripe",
    )


@pytest.mark.parametrize("options", [(), ("--endpoint", ENDPOINT_URL)], ids=["by path", "by URL"])
def test_an_endpoint_with_a_slash_at_the_end_is_correct(
    check: CheckCommand, emulator: EmulatorClient, options: tuple[str, ...]
) -> None:
    endpoint = emulator.replace_endpoints([*EVENT_TYPES], f"{ENDPOINT_URL}/")

    report = check(*options, **_env(emulator.url))

    assert report.status == 0
    assert report.of(f"endpoint {endpoint}")[0] == ("ok", f"sends to {ENDPOINT_URL}/")


@pytest.mark.parametrize("path", ["/webhook/stripe//", "/webhooks/stripe", "/Webhook/Stripe", "/webhook/stripe/events"])
def test_an_endpoint_whose_path_is_misspelled_is_wrong(
    check: CheckCommand, emulator: EmulatorClient, path: str
) -> None:
    endpoint = emulator.replace_endpoints([*EVENT_TYPES], f"https://payments.example{path}")

    (finding,) = check(**_env(emulator.url)).wrong()

    assert finding["subject"] == f"endpoint {endpoint}"
    assert finding["remedy"].startswith("change the path of its URL to /webhook/stripe")


def test_a_similar_endpoint_beside_a_correct_one_is_a_note(check: CheckCommand, emulator: EmulatorClient) -> None:
    emulator.replace_endpoints([*EVENT_TYPES], ENDPOINT_URL)
    form = {"url": "https://shop.example/stripe/webhook", "enabled_events[]": "charge.refunded"}
    emulator.http.post("/v1/webhook_endpoints", data=form).raise_for_status()

    report = check(**_env(emulator.url))

    assert report.status == 0
    assert ("note", f"sends to {form['url']}, but the webhook serves only /webhook/stripe") in report.of("endpoint")


def _version(name: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(f'"{stripe.api_version}"'.encode(), name)


@pytest.mark.parametrize(
    ("version", "state"),
    [
        (b'"2024-06-20"', "wrong"),
        (b'"2025-09-30.clover"', "wrong"),
        (f'"2026-01-01.{stripe.api_version.partition(".")[2]}"'.encode(), "ok"),
        (b"null", "note"),
    ],
)
def test_an_endpoint_with_another_api_version_is_reported(
    check: CheckCommand, stripe_proxy: StripeProxy, version: bytes, state: str
) -> None:
    stripe_proxy.change_body = _version(version)

    assert check(**_env(stripe_proxy.url)).of("endpoint")[2][0] == state


@pytest.mark.parametrize(
    ("ahead", "state"), [(0, "ok"), (-120, "note"), (120, "note"), (-1000, "wrong"), (1000, "wrong")]
)
def test_a_clock_that_differs_from_stripes_is_reported(
    check: CheckCommand, stripe_proxy: StripeProxy, ahead: float, state: str
) -> None:
    stripe_proxy.clock_offset = ahead

    ((actual, says),) = check(**_env(stripe_proxy.url)).of("clock")

    assert actual == state
    assert ahead == 0 or ("ahead of" if ahead < 0 else "behind") in says


def test_an_unreachable_stripe_and_an_invalid_key_are_reported(
    check: CheckCommand, emulator: EmulatorClient, free_port: Callable[[], int]
) -> None:
    unreachable = check(STRIPE_SECRET_KEY=KEY, STRIPE_API_BASE=f"http://127.0.0.1:{free_port()}")
    assert [finding["says"].partition(" at ")[0] for finding in unreachable.wrong()] == ["cannot be reached"]

    live = check(STRIPE_SECRET_KEY="sk_live_1", STRIPE_LIVEMODE="true", STRIPE_API_BASE=emulator.url)
    assert [finding["says"] for finding in live.wrong()] == ["does not accept the API key"]


def test_a_key_that_cannot_read_endpoints_is_a_note(check: CheckCommand, stripe_proxy: StripeProxy) -> None:
    stripe_proxy.forbidden_path = "/v1/webhook_endpoints"

    report = check(**_env(stripe_proxy.url))

    assert report.status == 0
    assert report.of("endpoint") == [("note", "cannot be checked with this key")]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v1/events", "Events"), ("/v1/radar", "Radar (early fraud warnings)")],
    ids=["events", "early fraud warnings"],
)
def test_a_key_that_the_reconciler_cannot_use_is_wrong(
    check: CheckCommand, stripe_proxy: StripeProxy, path: str, name: str
) -> None:
    stripe_proxy.forbidden_path = path

    (finding,) = check(**_env(stripe_proxy.url)).wrong()

    assert finding["says"] == f"cannot read {name}: the reconciler does not repair them"
    assert finding["remedy"] == f"give the restricted key of the reconciler read access to {name}"


def test_the_key_of_checkout_needs_no_other_permissions(check: CheckCommand, stripe_proxy: StripeProxy) -> None:
    stripe_proxy.forbidden_path = "/v1/events"

    report = check(PAYMENTS_API_TOKEN=TOKEN, **_env(stripe_proxy.url))

    assert report.status == 0
    assert report.of("API key") == []
