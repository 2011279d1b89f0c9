"""Serves `/v1/customers`."""

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import MetadataParameters, NoParameters, Text
from stripe_emulator.reference.shapes import ADDRESS, Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make


class UpdateCustomer(MetadataParameters):
    """The parameters that can be changed."""

    description: Text | None = None
    email: Text | None = None
    name: Text | None = None
    phone: Text | None = None


class CreateCustomer(UpdateCustomer):
    """The parameters of a new customer."""

    address: Json | None = None


class ListCustomers(ListParameters):
    """The filters of the list of customers."""

    email: Text | None = None


def create(account: Account, call: ApiCall) -> Json:
    """Create a customer."""
    params = call.read(CreateCustomer)
    customer = make(
        "customer",
        address=ADDRESS | (params.address or {}) if "address" in params.model_fields_set else None,
        created=account.now(),
        description=params.description,
        email=params.email,
        metadata=params.metadata or {},
        name=params.name,
        phone=params.phone,
    )
    account.emit("customer.created", account.store.add(customer))
    return customer


def update(account: Account, call: ApiCall) -> Json:
    """Change a customer."""
    params = call.read(UpdateCustomer)
    customer = account.store.get("customer", call.id)
    customer |= params.given() | {"metadata": params.merged_metadata(customer["metadata"])}
    account.emit("customer.updated", customer)
    return customer


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a customer."""
    call.read(NoParameters)
    return account.store.get("customer", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List customers."""
    return lists.page(account, call, "customer", ListCustomers)
