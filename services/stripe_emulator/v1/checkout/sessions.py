"""Serves `/v1/checkout/sessions`."""

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import PageParameters
from stripe_emulator.calls.parameters import MetadataParameters, NoParameters
from stripe_emulator.payments import checkout
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.cards import DEFAULT_KINDS
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account, Clock
from stripe_emulator.state.objects import make
from stripe_emulator.state.store import Order
from stripe_emulator.v1.checkout import line_items as lines
from stripe_emulator.v1.checkout.parameters import (
    AfterExpiration,
    CreateSession,
    IntentFields,
    ListSessions,
    SetupFields,
    SubscriptionFields,
)

MIN_LIFETIME, MAX_LIFETIME = 30 * 60, 24 * 3600
# Returned as given, because nothing here depends on them.
ECHOED = ("billing_address_collection", "locale", "submit_type", "customer_email", "integration_identifier")
UNSUPPORTED = ("automatic_tax", "phone_number_collection", "adaptive_pricing", "invoice_creation")
# The branch with the fields of the object that a session of each mode creates.
BRANCHES = {
    "payment": ("payment_intent_data", IntentFields),
    "setup": ("setup_intent_data", SetupFields),
    "subscription": ("subscription_data", SubscriptionFields),
}


def create(account: Account, call: ApiCall) -> Json:
    """Create an open session."""
    params = call.read(CreateSession)
    _check_supported(params)
    _check_mode(params)
    expires_at, customer = _expires_at(params, account.clock), _customer(account, params)
    items = lines.create(account, params.line_items or [], params.mode)
    is_setup = params.mode == "setup"
    total, currency = _total(params, items), params.currency if is_setup else items[0]["currency"]
    if total:
        money.check_chargeable(total, currency or "", "line_items")
    session = make(
        "checkout.session",
        after_expiration=_after_expiration(params.after_expiration),
        amount_subtotal=None if is_setup else total,
        amount_total=None if is_setup else total,
        cancel_url=params.cancel_url,
        client_reference_id=params.client_reference_id,
        created=account.now(),
        currency=currency,
        customer=customer,
        expires_at=expires_at,
        metadata=params.metadata or {},
        mode=params.mode,
        payment_method_collection="if_required" if params.mode == "payment" else "always",
        payment_method_options=params.payment_method_options or {},
        payment_method_types=list(params.payment_method_types or DEFAULT_KINDS),
        payment_status="unpaid" if total else "no_payment_required",
        success_url=params.success_url,
        **{name: getattr(params, name) for name in ECHOED},
    )
    return checkout.open_session(account, session, Order(items=items, intent=_fields(params)))


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a session."""
    call.read(NoParameters)
    return account.store.get("checkout.session", call.id)


def update(account: Account, call: ApiCall) -> Json:
    """Change the metadata of a session."""
    params = call.read(MetadataParameters)
    session = account.store.get("checkout.session", call.id)
    session["metadata"] = params.merged_metadata(session["metadata"])
    return session


def list_all(account: Account, call: ApiCall) -> Json:
    """List sessions."""
    return lists.page(account, call, "checkout.session", ListSessions)


def line_items(account: Account, call: ApiCall) -> Json:
    """List the line items of a session."""
    params = call.read(PageParameters)
    session = account.store.get("checkout.session", call.id)
    return lists.cut(call, params, account.store.orders[session["id"]].items)


def expire(account: Account, call: ApiCall) -> Json:
    """Expire an open session."""
    call.read(NoParameters)
    session = account.store.get("checkout.session", call.id)
    checkout.expire(account, session)
    return session


def _check_supported(params: CreateSession) -> None:
    if params.ui_mode not in (None, "hosted", "hosted_page"):
        raise errors.invalid("This emulator supports the hosted page only.", "ui_mode")
    for feature in UNSUPPORTED:
        if (branch := getattr(params, feature)) and branch.enabled:
            raise errors.invalid("This emulator does not support this feature.", f"{feature}[enabled]")


def _check_mode(params: CreateSession) -> None:
    for mode, (branch, _) in BRANCHES.items():
        if mode != params.mode and getattr(params, branch) is not None:
            raise errors.invalid(f"You can not pass `{branch}` in `{params.mode}` mode.", branch)
    if params.mode == "setup" and params.line_items is not None:
        raise errors.invalid("You can not pass `line_items` in `setup` mode.", "line_items")
    if params.mode == "setup" and not (params.currency or params.payment_method_types):
        raise errors.missing("currency")
    if params.mode != "setup" and not params.line_items:
        raise errors.missing("line_items")


def _total(params: CreateSession, items: list[Json]) -> int:
    """Return what is due today. The recurring prices of a trial are due later."""
    is_trial = params.subscription_data is not None and params.subscription_data.trial_period_days is not None
    return sum(item["amount_total"] for item in items if not (is_trial and item["price"]["recurring"]))


def _fields(params: CreateSession) -> Json:
    name, model = BRANCHES[params.mode]
    branch: MetadataParameters = getattr(params, name) or model()
    return branch.model_dump(exclude={"capture_method", "metadata"}) | {"metadata": branch.metadata or {}}


def _after_expiration(params: AfterExpiration | None) -> Json | None:
    if params is None or params.recovery is None:
        return None
    promotion_codes = bool(params.recovery.allow_promotion_codes)
    recovery = {"allow_promotion_codes": promotion_codes, "enabled": params.recovery.enabled}
    return {"recovery": recovery | {"expires_at": None, "url": None}}


def _customer(account: Account, params: CreateSession) -> str | None:
    if params.customer and "customer_email" in params.model_fields_set:
        raise errors.invalid(
            "You may only specify one of these parameters: customer, customer_email.", "customer_email"
        )
    if params.customer:
        account.store.get("customer", params.customer, "customer")
    return params.customer


def _expires_at(params: CreateSession, clock: Clock) -> int:
    """Return the emulated time of the end. The caller's time is on its own clock, which `/_advance` does not move."""
    at, now = params.expires_at, clock.callers_now()
    if at is None:
        return clock.now() + MAX_LIFETIME
    if at < now + MIN_LIFETIME:
        raise errors.invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", "expires_at"
        )
    if at > now + MAX_LIFETIME:
        raise errors.invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", "expires_at"
        )
    return at + clock.ahead
