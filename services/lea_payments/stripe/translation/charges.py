"""Translates charges: how the customer paid, and the total of the refunds."""

import re
from typing import Any

import msgspec

from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind, Method
from lea_payments.stripe.shapes import Charge, attempt_of, decode_charge, id_of, is_code
from lea_payments.stripe.translation.object_fact import NoFact, ObjectFact, of_intent

SUCCEEDED_EVENT = "charge.succeeded"
_LAST4 = re.compile("[0-9]{4}")


def charge_fact(raw: msgspec.Raw | bytes, event_type: str = "") -> ObjectFact | NoFact:
    """The fact about a charge: the total of its refunds, or else how it was paid. Raises MsgspecError."""
    charge = decode_charge(raw)
    intent_id, method = id_of(charge.payment_intent), method_text(charge.payment_method_details)
    if charge.amount_refunded:
        fact = Fact(
            kind=Kind.CHARGE, state=facts.REFUNDED, amount=charge.amount_refunded, intent=intent_id, method=method
        )
    elif not _has_succeeded(charge, event_type):
        return NoFact("nothing_refunded")
    elif method is None:
        return NoFact("no_payment_method")
    else:
        attempt = attempt_of(charge.metadata)
        fact = Fact(kind=Kind.CHARGE, state=facts.SUCCEEDED, intent=intent_id, attempt=attempt, method=method)
    return of_intent(charge.id, fact, intent_id, charge.metadata, charge.created, charge.currency)


def _has_succeeded(charge: Charge, event_type: str) -> bool:
    return event_type == SUCCEEDED_EVENT or (not event_type and charge.status == "succeeded")


def method_text(details: Any) -> str | None:
    """The text of the method in `payment_method_details`: nothing of it but the kind, the brand and the last four."""
    kind = details.get("type") if isinstance(details, dict) else None
    if not is_code(kind):
        return None
    of_kind = details.get(kind)
    brand, last4 = (of_kind.get("brand"), of_kind.get("last4")) if isinstance(of_kind, dict) else (None, None)
    if not isinstance(last4, str) or not _LAST4.fullmatch(last4):
        last4 = ""
    return Method(kind, brand if is_code(brand) else "", last4).text
