"""The commands of recovery: repair from Stripe's records, replay, and what happened to a payment; no rule in it."""

from typing import Annotated

import typer

from lea_payments import settings as environment
from lea_payments.settings import SettingsError

app = typer.Typer()


@app.command()
def reconciler(
    *, once: Annotated[bool, typer.Option("--once", help="Run once, say what came of it, and end.")] = False
) -> None:
    """Repair payments from Stripe's own records, every five minutes (health on port 8083).

    Looks at the undelivered events of three days and the Checkout Sessions of 26 hours, and applies what is missing
    as the webhook would have. Safe to run twice, and beside the webhook.

    Needs `STRIPE_SECRET_KEY` and the table. `RECONCILER_INTERVAL_SECONDS` changes the pause.
    """
    from lea_payments import reconciler as part
    from lea_payments import store, web

    settings = environment.read(environment.ReconcilerSettings)
    if not once:
        web.serve(part.create_app(settings, store.PaymentStore(settings)), settings, settings.port, "reconciler")
        return
    run = part.once(settings)
    typer.echo(
        f"{run.outcome}: looked at {run.looked_at}, {run.drift} payments differed, {run.repaired} changes made",
        err=True,
    )
    if run.trouble:
        raise SettingsError(run.trouble)
