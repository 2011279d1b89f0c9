"""Serves `/v1/webhook_endpoints`."""

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.parameters import Flag, MetadataParameters, NoParameters, Text, Texts, Url
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import API_VERSION, Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import new_id


class CreateEndpoint(MetadataParameters):
    """The parameters of a new webhook endpoint. With `connect=true` it receives events of connected accounts only."""

    url: Url
    enabled_events: Texts
    api_version: Text | None = None
    description: Text | None = None
    connect: Flag | None = None


class UpdateEndpoint(MetadataParameters):
    """The parameters that can be changed."""

    url: Url | None = None
    enabled_events: Texts | None = None
    disabled: Flag | None = None
    description: Text | None = None


def create(account: Account, call: ApiCall) -> Json:
    """Create a webhook endpoint. Only this answer contains its signing secret."""
    params = call.read(CreateEndpoint)
    if params.api_version not in (None, API_VERSION):
        raise errors.invalid(f"This emulator supports {API_VERSION} only.", "api_version")
    secret = new_id("whsec")
    endpoint = account.add_endpoint(
        params.url,
        (secret,),
        params.enabled_events,
        origins=("connected",) if params.connect else ("self",),
        description=params.description,
        metadata=params.metadata or {},
    )
    return endpoint | {"secret": secret}


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a webhook endpoint."""
    call.read(NoParameters)
    return account.store.get("webhook_endpoint", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List webhook endpoints."""
    return lists.page(account, call, "webhook_endpoint")


def update(account: Account, call: ApiCall) -> Json:
    """Change the URL, the events or the status of a webhook endpoint."""
    params = call.read(UpdateEndpoint)
    endpoint = account.store.get("webhook_endpoint", call.id)
    if params.url:
        endpoint["url"] = params.url
    if params.enabled_events:
        endpoint["enabled_events"] = params.enabled_events
    if params.disabled is not None:
        endpoint["status"] = "disabled" if params.disabled else "enabled"
    if "description" in params.model_fields_set:
        endpoint["description"] = params.description
    endpoint["metadata"] = params.merged_metadata(endpoint["metadata"])
    return endpoint


def delete(account: Account, call: ApiCall) -> Json:
    """Delete a webhook endpoint."""
    call.read(NoParameters)
    endpoint = account.store.get("webhook_endpoint", call.id)
    account.store.remove("webhook_endpoint", endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
