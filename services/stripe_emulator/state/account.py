"""Keeps the emulated Stripe account: its objects, its clock and its events."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stripe_emulator.reference.shapes import API_VERSION, Json
from stripe_emulator.settings import Settings
from stripe_emulator.state.objects import make
from stripe_emulator.state.store import ObjectStore, Origin

Deliver = Callable[[Json, list[Json]], None]


@dataclass
class Clock:
    """The current time in whole seconds, as Stripe counts it. It can be moved ahead, but not back."""

    read: Callable[[], float] = time.time
    ahead: int = 0
    moves: list[tuple[int, int]] = field(default_factory=list)

    def now(self) -> int:
        """Return the emulated time."""
        return self.callers_now() + self.ahead

    def callers_now(self) -> int:
        """Return the time on the clocks of the callers, which is not moved ahead."""
        return int(self.read())

    def advance(self, seconds: int) -> None:
        """Move the emulated time ahead."""
        self.ahead += seconds
        self.moves.append((self.callers_now(), seconds))

    def upper_bound(self, bound: int) -> int:
        """Return the emulated time until which a caller wants to see objects.

        A caller that asks for objects until now sends the time of its own clock. A later time is the emulator's.
        """
        if bound > self.callers_now():
            return bound
        return bound + sum(seconds for moved_at, seconds in self.moves if moved_at <= bound)

    def year_and_month(self) -> tuple[int, int]:
        """Return the current year and month, for comparison with a card's expiry date."""
        today = time.gmtime(self.now())
        return today.tm_year, today.tm_mon


@dataclass
class Account:
    """One Stripe account."""

    settings: Settings
    deliver: Deliver
    clock: Clock = field(default_factory=Clock)
    store: ObjectStore = field(default_factory=ObjectStore)
    _request: Json = field(default_factory=lambda: {"id": None, "idempotency_key": None})

    def now(self) -> int:
        """Return the emulated time."""
        return self.clock.now()

    def emit(self, event_type: str, thing: Json, previous: Json | None = None) -> Json:
        """Create an event with a snapshot of this object, and deliver it."""
        data: Json = {"object": copy.deepcopy(thing)}
        if previous:
            data["previous_attributes"] = previous
        return self._publish(make("event", created=self.now(), data=data, request=self._request, type=event_type))

    def emit_copy(self, event: Json, origin: Json) -> Json:
        """Deliver a copy of an event with an id of its own and the fields of `origin` such as `account`."""
        fields = {"created": self.now(), "data": copy.deepcopy(event["data"]), "type": event["type"]}
        return self._publish(make("event", **fields) | origin)

    def resend(self, event: Json, endpoint_id: str | None = None) -> int:
        """Deliver an event again, to all its subscribers or to one, and return how many that are."""
        endpoints = [it for it in self.subscribers(event) if endpoint_id in (None, it["id"])]
        self.deliver(event, endpoints)
        return len(endpoints)

    def subscribers(self, event: Json) -> list[Json]:
        """Return the enabled webhook endpoints that receive this event."""
        origin: Origin = "connected" if "account" in event else "self"
        return [
            it
            for it in self.store.oldest_first("webhook_endpoint")
            if subscribes(it, event["type"]) and origin in self.store.origins[it["id"]]
        ]

    @contextmanager
    def caused_by(self, request_id: str | None, idempotency_key: str | None) -> Iterator[None]:
        """Name this API request in all events of the block. The block must not await anything."""
        before, self._request = self._request, {"id": request_id, "idempotency_key": idempotency_key}
        try:
            yield
        finally:
            self._request = before

    def add_endpoint(
        self,
        url: str,
        secrets: tuple[str, ...],
        event_types: list[str],
        *,
        origins: tuple[Origin, ...] = ("self",),
        **fields: object,
    ) -> Json:
        """Create a webhook endpoint for the events of this account, of connected accounts, or of both."""
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
        self.store.origins[endpoint["id"]] = origins
        return endpoint

    def _publish(self, event: Json) -> Json:
        endpoints = self.subscribers(event)
        event["pending_webhooks"] = len(endpoints)
        self.store.add(event)
        # Every attempt sends the same bytes, even when the event has changed since.
        self.store.bodies[event["id"]] = json.dumps(event, indent=2).encode()
        self.deliver(event, endpoints)
        return event


def subscribes(endpoint: Json, event_type: str) -> bool:
    """Return whether an endpoint is enabled and subscribed to this event type."""
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or event_type in enabled)
