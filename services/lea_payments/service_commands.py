"""Defines the part of the command line that runs the services: one command each."""

from typing import Annotated

import typer

from lea_payments.settings import (
    CheckoutSettings,
    ReconcilerSettings,
    SettingsError,
    WebhookSettings,
    read,
)

app = typer.Typer()


@app.command()
def mcp(
    *,
    http: Annotated[bool, typer.Option("--http", help="Serve agents over HTTP instead (port 8080, `/mcp`).")] = False,
) -> None:
    """Run the tools for a sales agent, for the program that starts this command (MCP over stdio).

    Needs `MCP_CHECKOUT_URL`, `PAYMENTS_API_TOKEN`, and the caps `MCP_MAX_AMOUNT` and `MCP_HOURLY_AMOUNT`. With `--http`
    it also needs `MCP_TOKEN` and `MCP_STATE_SECRET`.
    """
    from lea_payments.mcp.run import run

    run(http=http)


@app.command()
def webhook() -> None:
    """Run the service that receives Stripe's events (port 8086, `POST /webhook/stripe`).

    Needs `STRIPE_WEBHOOK_SECRET` or `STRIPE_WEBHOOK_SECRET_FILE`, and the table (`DDB_ENDPOINT`,
    `DYNAMODB_PAYMENTS_TABLE`). It does not need a Stripe API key.
    """
    from lea_payments.serving.server import serve
    from lea_payments.store.payments import PaymentStore
    from lea_payments.webhook.app import create_app

    settings = read(WebhookSettings)
    count = len(settings.signing_secrets())
    store = PaymentStore(
        settings, deadline_seconds=settings.delivery_deadline_seconds, notifications=settings.notifications
    )
    app, webhook = create_app(settings, store)
    serve(app, settings, settings.port, "webhook", webhook, signing_secrets=count)


@app.command()
def pages() -> None:
    """Run the success and cancel pages for customers (port 8085). Reads the table; needs no secret."""
    from lea_payments.pages.app import create_app
    from lea_payments.pages.settings import PagesSettings
    from lea_payments.serving.server import serve
    from lea_payments.store.payments import PaymentStore

    settings = read(PagesSettings)
    serve(create_app(settings, PaymentStore(settings)), settings, settings.port, "pages")


@app.command()
def checkout() -> None:
    """Run the checkout API (port 8084, `POST /payments`, described at `/openapi.json`).

    Needs `STRIPE_SECRET_KEY` and `PAYMENTS_API_TOKEN`, and the table.
    """
    from lea_payments.checkout.app import create_app
    from lea_payments.serving.server import serve
    from lea_payments.store.payments import PaymentStore

    settings = read(CheckoutSettings)
    store = PaymentStore(settings, notifications=settings.notifications)
    serve(create_app(settings, store), settings, settings.port, "checkout")


@app.command()
def reconciler(
    *, once: Annotated[bool, typer.Option("--once", help="Run once, print the result and exit.")] = False
) -> None:
    """Compare payments with Stripe every five minutes and repair the differences (health on port 8083).

    Reads the sessions, refunds, disputes and early fraud warnings of the last 26 hours, the undelivered events of the
    last 3 days, the events that arrived before their payment was known, and the sessions of delayed payments for 14
    days. Applies what is missing as the webhook does. Safe to run more than once, and beside the webhook.

    Needs `STRIPE_SECRET_KEY` and the table. `RECONCILER_INTERVAL_SECONDS` sets the pause between runs.
    """
    settings = read(ReconcilerSettings)
    if once:
        _reconcile_once(settings)
        return
    from lea_payments.reconciler.app import create_app
    from lea_payments.serving.server import serve
    from lea_payments.store.payments import PaymentStore

    store = PaymentStore(settings, notifications=settings.notifications)
    serve(create_app(settings, store), settings, settings.port, "reconciler")


def _reconcile_once(settings: ReconcilerSettings) -> None:
    from lea_payments.commands.console.terminal import Terminal
    from lea_payments.commands.progress import Progress
    from lea_payments.reconciler.app import run_once

    with Progress() as progress:
        progress.does("comparing the payments with Stripe's lists")
        result = run_once(settings)
    Terminal(stderr=True).print(result.summary(), soft_wrap=True)
    if result.problem:
        raise SettingsError(result.problem)


@app.command()
def notifier() -> None:
    """Send a signed notification to your receivers when a payment changes (health on port 8079).

    Needs `NOTIFY_URL`, `NOTIFY_SECRET` or `NOTIFY_SECRET_FILE`, and the table. The services that change payments need
    `NOTIFICATIONS=true`. Any number of notifiers can run on one table.
    """
    from lea_payments.notifier.app import create_app
    from lea_payments.notifier.settings import NotifierSettings
    from lea_payments.serving.server import serve
    from lea_payments.store.notifications.outbox import Outbox

    settings = read(NotifierSettings)
    endpoints = ",".join(endpoint.name for endpoint in settings.endpoints())
    serve(create_app(settings, Outbox(settings)), settings, settings.port, "notifier", endpoints=endpoints)
