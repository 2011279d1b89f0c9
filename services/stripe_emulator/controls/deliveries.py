"""Controls faults, events and their deliveries."""

from fastapi import Request

from stripe_emulator.controls.bodies import OriginBody, SecretsBody, read_body, read_json
from stripe_emulator.emulator import Current
from stripe_emulator.faults.faults import InvalidFaultsError
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json


async def show_faults(emulator: Current) -> object:
    """Return the current faults as they were requested."""
    return emulator.requested_faults


async def set_faults(request: Request, emulator: Current) -> object:
    """Replace all faults."""
    try:
        emulator.set_faults(await read_json(request))
    except InvalidFaultsError as error:
        raise StripeApiError(str(error), status=422, param="body") from error
    return emulator.requested_faults


async def clear_faults(emulator: Current) -> object:
    """Switch all faults off and send the held deliveries."""
    emulator.set_faults({})
    return {}


async def list_deliveries(request: Request, emulator: Current) -> Json:
    """List all attempts, oldest first. `?event=`, `?type=` and `?object=` are filters."""
    deliverer = emulator.deliverer
    filters = {name: value for name, value in request.query_params.items() if name in ("event", "type", "object")}
    data = [row for row in deliverer.attempt_log if all(row[name] == value for name, value in filters.items())]
    return {"object": "list", "states": deliverer.states, "attempts": deliverer.attempts, "data": data}


async def retry_deliveries(emulator: Current) -> Json:
    """Retry all deliveries that wait for their next attempt."""
    return {"retried": emulator.deliverer.retry_now()}


async def set_secrets(request: Request, emulator: Current, endpoint_id: str) -> Json:
    """Replace the signing secrets of a webhook endpoint."""
    store, body = emulator.account.store, await read_body(request, SecretsBody)
    endpoint = store.get("webhook_endpoint", endpoint_id)
    store.secrets[endpoint["id"]] = tuple(body.secrets)
    return {"id": endpoint["id"], "secrets": len(body.secrets)}


async def resend_event(emulator: Current, event_id: str) -> Json:
    """Deliver an event again to all its subscribers."""
    account = emulator.account
    return {"event": event_id, "deliveries": account.resend(account.store.get("event", event_id))}


async def copy_event(request: Request, emulator: Current, event_id: str) -> Json:
    """Deliver a copy of an event as an event of another account or context."""
    account, body = emulator.account, await read_body(request, OriginBody)
    return account.emit_copy(account.store.get("event", event_id), body.model_dump(exclude_none=True))
