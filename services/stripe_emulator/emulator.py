"""Holds the state of one running emulator: account, deliveries, faults and idempotency keys."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request

from stripe_emulator.calls.idempotency import StoredAnswers
from stripe_emulator.faults import faults
from stripe_emulator.faults.gate import ApiGate
from stripe_emulator.payments import checkout, refunds
from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account
from stripe_emulator.state.store import ObjectStore
from stripe_emulator.webhooks.deliverer import Deliverer
from stripe_emulator.webhooks.sender import Send


@dataclass
class Emulator:
    """One account and everything around it."""

    settings: Settings
    send: Send
    account: Account
    deliverer: Deliverer
    gate: ApiGate = field(default_factory=ApiGate)
    answers: StoredAnswers = field(default_factory=StoredAnswers)
    requested_faults: object = field(default_factory=dict)

    def set_faults(self, requested: object) -> None:
        """Replace all faults, or raise an InvalidFaultsError and change nothing."""
        valid = faults.read(requested)
        self.requested_faults = requested
        self.deliverer.set_faults(valid)
        self.gate.set(valid.api_error, valid.seed)

    def run_due(self) -> None:
        """Settle payments, end refunds and expire sessions that are due."""
        checkout.run_due(self.account)
        refunds.run_due(self.account)


def build(settings: Settings, send: Send) -> Emulator:
    """Create an emulator. Its account is empty except for the webhook endpoint in the settings."""
    store = ObjectStore()
    deliverer = Deliverer(settings, store, send)
    account = Account(settings, deliverer.deliver, store=store)
    if settings.webhook_url:
        account.add_endpoint(
            settings.webhook_url,
            settings.webhook_secrets,
            ["*"],
            origins=("self", "connected"),
            description="EMULATOR_WEBHOOK_URL",
        )
    return Emulator(settings, send, account, deliverer)


class EmulatorApp(FastAPI):
    """The app that serves an emulator. A reset replaces the emulator."""

    def __init__(self, emulator: Emulator, **options: Any) -> None:
        super().__init__(**options)
        self.emulator = emulator


async def current_app(request: Request) -> EmulatorApp:
    """Return the app that serves this request."""
    app: EmulatorApp = request.app
    return app


async def current(request: Request) -> Emulator:
    """Return the emulator that serves this request."""
    return (await current_app(request)).emulator


Current = Annotated[Emulator, Depends(current)]
CurrentApp = Annotated[EmulatorApp, Depends(current_app)]
