"""The clock, the memory and the event log that every part works on; no HTTP, and no rule of any one resource."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stripe_emulator.reference.errors import Json
from stripe_emulator.settings import Settings
from stripe_emulator.state.objects import API_VERSION, make
from stripe_emulator.state.store import Store

Deliver = Callable[[Json, list[Json]], None]


@dataclass
class Clock:
    """Whole seconds, as Stripe counts them; can be set ahead, never back."""

    read: Callable[[], float] = time.time
    ahead: int = 0

    def now(self) -> int:
        """The emulator's idea of the present."""
        return int(self.read()) + self.ahead

    def year_and_month(self) -> tuple[int, int]:
        """The month against which a card's expiry is held."""
        today = time.gmtime(self.now())
        return today.tm_year, today.tm_mon


@dataclass
class Account:
    """One Stripe account and its time."""

    settings: Settings
    deliver: Deliver
    clock: Clock = field(default_factory=Clock)
    store: Store = field(default_factory=Store)
    _cause: Json = field(default_factory=lambda: {"id": None, "idempotency_key": None})

    def now(self) -> int:
        """The time to write into `created`."""
        return self.clock.now()

    def emit(self, event_type: str, thing: Json, previous: Json | None = None) -> Json:
        """Record that something happened to this object, as it is now, and have it delivered."""
        listeners = [
            endpoint for endpoint in self.store.oldest_first("webhook_endpoint") if wants(endpoint, event_type)
        ]
        data: Json = {"object": copy.deepcopy(thing)}
        if previous:
            data["previous_attributes"] = previous
        event = self.store.add(
            make(
                "event",
                created=self.now(),
                data=data,
                pending_webhooks=len(listeners),
                request=self._cause,
                type=event_type,
            )
        )
        self.store.bodies[event["id"]] = json.dumps(event, indent=2).encode()
        self.deliver(event, listeners)
        return event

    @contextmanager
    def caused_by(self, request_id: str | None, idempotency_key: str | None) -> Iterator[None]:
        """Events emitted inside name this API request; nothing may be awaited inside."""
        before, self._cause = self._cause, {"id": request_id, "idempotency_key": idempotency_key}
        try:
            yield
        finally:
            self._cause = before

    def listen(self, url: str, secrets: tuple[str, ...], event_types: list[str], **fields: object) -> Json:
        """Add a webhook endpoint."""
        endpoint = self.store.add(
            make(
                "webhook_endpoint",
                api_version=API_VERSION,
                created=self.now(),
                enabled_events=event_types,
                url=url,
                **fields,
            )
        )
        self.store.secrets[endpoint["id"]] = secrets
        return endpoint


def wants(endpoint: Json, event_type: str) -> bool:
    """Whether an endpoint listens for events of this type."""
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or event_type in enabled)
