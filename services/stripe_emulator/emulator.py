"""Everything one running emulator holds, put together in one place; serves nothing itself."""

import random
from dataclasses import dataclass, field

from stripe_emulator.faults import faults
from stripe_emulator.faults.faults import ApiFault, Faults
from stripe_emulator.reference.errors import Json
from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account
from stripe_emulator.state.store import Store
from stripe_emulator.webhooks.deliverer import Deliverer, Send


@dataclass
class ApiGate:
    """Decides which API calls go wrong."""

    fault: ApiFault | None = None
    left: int | None = None
    chance: random.Random = field(default_factory=random.Random)

    def strike(self, path: str) -> ApiFault | None:
        """The fault that hits this call, if one does."""
        fault = self.fault
        if fault is None or not path.startswith(fault.path) or self.left == 0:
            return None
        if self.chance.random() >= fault.probability:
            return None
        self.left = None if self.left is None else self.left - 1
        return fault


@dataclass(frozen=True)
class Reply:
    """The first answer to an idempotency key, and to which request."""

    path: str
    request: Json
    status: int
    body: bytes
    request_id: str


@dataclass
class Emulator:
    """One account, its deliveries, and what goes wrong around it."""

    settings: Settings
    send: Send
    account: Account
    deliverer: Deliverer
    gate: ApiGate = field(default_factory=ApiGate)
    replies: dict[str, Reply] = field(default_factory=dict)
    asked_faults: object = field(default_factory=dict)

    def set_faults(self, asked: object) -> None:
        """Make these things go wrong, or refuse the whole wish."""
        wanted: Faults = faults.read(asked)
        self.asked_faults = asked
        self.deliverer.set_faults(wanted)
        self.gate.fault = wanted.api_error
        self.gate.left = wanted.api_error.times if wanted.api_error else None
        if wanted.seed is not None:
            self.gate.chance.seed(wanted.seed)


def build(settings: Settings, send: Send) -> Emulator:
    """An emulator with nothing in it but the endpoint its settings name."""
    store = Store()
    deliverer = Deliverer(settings, store, send)
    account = Account(settings, deliverer.deliver, store=store)
    if settings.webhook_url:
        account.listen(settings.webhook_url, settings.webhook_secrets, ["*"], description="EMULATOR_WEBHOOK_URL")
    return Emulator(settings, send, account, deliverer)
