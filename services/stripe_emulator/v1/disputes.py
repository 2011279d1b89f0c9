"""Disputes: opened by the test cards made for it or by hand, answered, closed; moves no money."""

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make

OPEN = {
    "needs_response": "under_review",
    "warning_needs_response": "warning_under_review",
    "under_review": "under_review",
    "warning_under_review": "warning_under_review",
}
RESPONSE_SECONDS = 9 * 24 * 3600
# What Stripe's own test evidence decides: https://docs.stripe.com/testing#disputes-evidence
TEST_EVIDENCE = {"winning_evidence": "won", "losing_evidence": "lost"}


def retrieve(account: Account, call: Call) -> Json:
    """A dispute by its id."""
    return account.store.get("dispute", call.id)


def list_all(account: Account, call: Call) -> Json:
    """Disputes, by what was paid."""
    params = call.params
    return calls.page(
        account, call, "dispute", charge=params.text("charge"), payment_intent=params.text("payment_intent")
    )


def of_charge(account: Account, charge_id: str) -> list[Json]:
    """The disputes of a charge; Stripe allows one, and keeps it when it is over."""
    return [dispute for dispute in account.store.oldest_first("dispute") if dispute["charge"] == charge_id]


def update(account: Account, call: Call) -> Json:
    """Answer a dispute; evidence goes to the bank at once unless `submit=false`."""
    dispute, params = retrieve(account, call), call.params
    evidence = {name: value for name, value in (params.raw("evidence") or {}).items() if value != ""}
    submit = params.flag("submit")
    metadata = params.merged_metadata(dispute["metadata"]) if params.has("metadata") else None
    params.finish()
    answer(account, dispute, evidence, metadata, submit=submit is not False)
    return dispute


def accept(account: Account, call: Call) -> Json:
    """`close` at Stripe means giving in."""
    dispute = retrieve(account, call)
    call.params.finish()
    close(account, dispute, "lost")
    return dispute


def open_if_bound_to(account: Account, intent: Json) -> None:
    """Dispute the payment if its card is one of those that always do."""
    instrument = account.store.instruments.get(intent["payment_method"] or "")
    if instrument and instrument.dispute and intent["status"] == "succeeded":
        open_dispute(account, intent, instrument.dispute, inquiry=instrument.inquiry)


def open_dispute(
    account: Account, intent: Json, reason: str, *, inquiry: bool = False, amount: int | None = None
) -> Json:
    """The cardholder's bank takes the side of the cardholder."""
    charge = account.store.get("charge", intent["latest_charge"] or "none", "payment_intent")
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise errors.unexpected_state("Only a succeeded, undisputed charge can be disputed.", "charge_not_disputable")
    if amount is not None and amount > charge["amount"]:
        raise errors.invalid("A dispute cannot exceed its charge.", "amount")
    dispute = account.store.add(
        make(
            "dispute",
            amount=charge["amount"] if amount is None else amount,
            charge=charge["id"],
            created=account.now(),
            currency=charge["currency"],
            is_charge_refundable=inquiry,
            payment_intent=intent["id"],
            reason=reason,
            status="warning_needs_response" if inquiry else "needs_response",
        )
    )
    dispute["evidence_details"]["due_by"] = account.now() + RESPONSE_SECONDS
    dispute["payment_method_details"]["card"]["case_type"] = "inquiry" if inquiry else "chargeback"
    charge["disputed"] = True
    account.emit("charge.dispute.created", dispute)
    if not inquiry:
        account.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def answer(account: Account, dispute: Json, evidence: Json, metadata: Json | None, *, submit: bool) -> None:
    """Keep the merchant's evidence, and send it to the bank unless it is only staged."""
    _require_open(dispute)
    previous = {"status": dispute["status"]} if evidence and submit else {}
    dispute["evidence"] |= evidence
    if metadata is not None:
        previous["metadata"] = dict(dispute["metadata"])
        dispute["metadata"] = metadata
    if evidence:
        dispute["evidence_details"]["has_evidence"] = True
    if evidence and submit:
        dispute["evidence_details"]["submission_count"] += 1
        dispute["status"] = OPEN[dispute["status"]]
    account.emit("charge.dispute.updated", dispute, previous)
    verdict = TEST_EVIDENCE.get(evidence.get("uncategorized_text", ""))
    if verdict and submit:
        close(account, dispute, verdict)


def close(account: Account, dispute: Json, status: str) -> None:
    """End the dispute; an inquiry ends without a winner."""
    _require_open(dispute)
    dispute["status"] = "warning_closed" if dispute["status"].startswith("warning") else status
    dispute["is_charge_refundable"] = dispute["status"] != "lost"
    account.emit("charge.dispute.closed", dispute)
    if dispute["status"] == "won":
        account.emit("charge.dispute.funds_reinstated", dispute)


def _require_open(dispute: Json) -> None:
    if dispute["status"] not in OPEN:
        raise errors.unexpected_state("This dispute is already closed.", "dispute_already_closed")
