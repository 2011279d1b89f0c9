"""Serves `/v1/events`."""

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import Flag, NoParameters, Parameters, Text, Texts
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account

MAX_TYPES = 20


class ListEvents(ListParameters):
    """The filters of the list of events. `delivery_success=false` selects events with an undelivered webhook.

    Events of connected accounts are in no list, because each account lists its own events only.
    """

    type: Text | None = None
    types: Texts | None = None
    delivery_success: Flag | None = None

    def matches(self, thing: Json) -> bool:
        """Return whether an event passes all filters."""
        patterns = [self.type] if self.type else self.types
        return (
            "account" not in thing
            and (self.created is None or self.created.contains(thing["created"]))
            and (not patterns or any(_matches(thing["type"], pattern) for pattern in patterns))
            and self.delivery_success in (None, thing["pending_webhooks"] == 0)
        )


class RetryEvent(Parameters):
    """The parameters that `stripe events resend` sends."""

    webhook_endpoint: Text | None = None
    for_stripecli: Flag | None = None  # ignored, because the CLI does not listen here


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return an event."""
    call.read(NoParameters)
    return account.store.get("event", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List events."""
    params = call.read(ListEvents)
    if params.type and params.types:
        raise errors.invalid("You may pass `type` or `types`, not both.", "types")
    if len(params.types or ()) > MAX_TYPES:
        raise errors.invalid(f"You may pass up to {MAX_TYPES} types.", "types")
    return lists.page(account, call, "event", ListEvents)


def retry(account: Account, call: ApiCall) -> Json:
    """Deliver an event again, as `stripe events resend` does."""
    params = call.read(RetryEvent)
    event = account.store.get("event", call.id)
    account.resend(event, params.webhook_endpoint)
    return event


def _matches(event_type: str, pattern: str) -> bool:
    """Return whether a type matches a pattern. `charge.*` matches every type that begins with `charge.`."""
    return event_type.startswith(pattern[:-1]) if pattern.endswith(".*") else event_type == pattern
