"""`/v1/events` and `/v1/webhook_endpoints`: what happened, and who is told; the telling is delivery.py's."""

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account, wants
from stripe_emulator.state.objects import API_VERSION, new_id

MAX_TYPES = 20


def retrieve_event(account: Account, call: Call) -> Json:
    """An event by its id."""
    return account.store.get("event", call.id)


def list_events(account: Account, call: Call) -> Json:
    """Events, newest first; `delivery_success=false` are those some endpoint has not taken yet."""
    params = call.params
    one, several = params.text("type"), params.texts("types")
    if one and several:
        raise errors.invalid("You may pass `type` or `types`, not both.", "types")
    if len(several) > MAX_TYPES:
        raise errors.invalid(f"You may pass up to {MAX_TYPES} types.", "types")
    patterns = [one] if one else several
    delivered = params.flag("delivery_success")
    keep_created = calls.created_filter(params.raw("created"), "created")
    everything = list(account.store.newest_first("event"))
    found = [
        event
        for event in everything
        if (not patterns or any(_matches(event["type"], pattern) for pattern in patterns))
        and (delivered is None or delivered == (event["pending_webhooks"] == 0))
        and keep_created(event["created"])
    ]
    return calls.cut(call, found, everything)


def retry_event(account: Account, call: Call) -> Json:
    """Deliver an event again, as `stripe events resend` asks."""
    event = retrieve_event(account, call)
    chosen = call.params.text("webhook_endpoint")
    # The command line means its own listener; with none here, everybody hears again.
    call.params.flag("for_stripecli")
    call.params.finish()
    listeners = [
        endpoint
        for endpoint in account.store.oldest_first("webhook_endpoint")
        if wants(endpoint, event["type"]) and chosen in (None, endpoint["id"])
    ]
    account.deliver(event, listeners)
    return event


def create(account: Account, call: Call) -> Json:
    """Register an address; its secret is shown this once."""
    params = call.params
    url, enabled = params.url("url"), params.texts("enabled_events")
    if url is None:
        raise errors.missing("url")
    if not enabled:
        raise errors.missing("enabled_events")
    if params.text("api_version") not in (None, API_VERSION):
        raise errors.invalid(f"This emulator speaks {API_VERSION} only.", "api_version")
    secret = new_id("whsec")
    description, metadata = params.text("description"), params.metadata()
    params.finish()
    endpoint = account.listen(url, (secret,), enabled, description=description, metadata=metadata)
    return endpoint | {"secret": secret}


def retrieve(account: Account, call: Call) -> Json:
    """A webhook endpoint by its id."""
    return account.store.get("webhook_endpoint", call.id)


def list_all(account: Account, call: Call) -> Json:
    """Webhook endpoints."""
    return calls.page(account, call, "webhook_endpoint")


def update(account: Account, call: Call) -> Json:
    """Move, narrow or switch off an endpoint."""
    endpoint, params = retrieve(account, call), call.params
    changes: Json = {"url": params.url("url"), "enabled_events": params.texts("enabled_events") or None}
    disabled = params.flag("disabled")
    if disabled is not None:
        changes["status"] = "disabled" if disabled else "enabled"
    described = {"description": params.text("description")} if params.has("description") else {}
    metadata = params.merged_metadata(endpoint["metadata"])
    params.finish()
    endpoint |= {name: value for name, value in changes.items() if value is not None}
    endpoint |= described | {"metadata": metadata}
    return endpoint


def delete(account: Account, call: Call) -> Json:
    """Stop telling an address."""
    endpoint = retrieve(account, call)
    call.params.finish()
    account.store.remove("webhook_endpoint", endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _matches(event_type: str, pattern: str) -> bool:
    """`charge.*` stands for everything that begins with `charge.`."""
    return event_type.startswith(pattern[:-1]) if pattern.endswith(".*") else event_type == pattern
