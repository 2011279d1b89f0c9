"""Serves `/v1/disputes`."""

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import Flag, MetadataParameters, NoParameters, Text
from stripe_emulator.payments import disputes
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account


class UpdateDispute(MetadataParameters):
    """The parameters of an answer to a dispute."""

    evidence: Json | None = None
    submit: Flag | None = None


class ListDisputes(ListParameters):
    """The filters of the list of disputes."""

    charge: Text | None = None
    payment_intent: Text | None = None


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a dispute."""
    call.read(NoParameters)
    return account.store.get("dispute", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List disputes."""
    return lists.page(account, call, "dispute", ListDisputes)


def update(account: Account, call: ApiCall) -> Json:
    """Answer a dispute. The evidence is submitted to the bank at once unless `submit=false`."""
    params = call.read(UpdateDispute)
    dispute = account.store.get("dispute", call.id)
    evidence = {name: value for name, value in (params.evidence or {}).items() if value != ""}
    given = "metadata" in params.model_fields_set
    metadata = params.merged_metadata(dispute["metadata"]) if given else None
    disputes.answer(account, dispute, evidence, metadata, submit=params.submit is not False)
    return dispute


def close(account: Account, call: ApiCall) -> Json:
    """Accept a dispute, which loses it."""
    call.read(NoParameters)
    dispute = account.store.get("dispute", call.id)
    disputes.close(account, dispute, "lost")
    return dispute
