"""Opens, answers and closes disputes."""

from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make

# The status of an open dispute, and its status after evidence was submitted.
STATUS_AFTER_EVIDENCE = {
    "needs_response": "under_review",
    "warning_needs_response": "warning_under_review",
    "under_review": "under_review",
    "warning_under_review": "warning_under_review",
}
RESPONSE_SECONDS = 9 * 24 * 3600
# https://docs.stripe.com/testing#disputes-evidence
TEST_EVIDENCE = {"winning_evidence": "won", "losing_evidence": "lost"}


def of_charge(account: Account, charge_id: str) -> list[Json]:
    """Return the disputes of a charge, including closed ones."""
    return [dispute for dispute in account.store.oldest_first("dispute") if dispute["charge"] == charge_id]


def open_if_test_card(account: Account, intent: Json) -> None:
    """Dispute the payment if it was paid with a test card that is always disputed."""
    instrument = account.store.instruments.get(intent["payment_method"] or "")
    if instrument and instrument.dispute and intent["status"] == "succeeded":
        open_dispute(account, intent, instrument.dispute, inquiry=instrument.inquiry)


def open_dispute(
    account: Account, intent: Json, reason: str, *, inquiry: bool = False, amount: int | None = None
) -> Json:
    """Dispute a charge, in full or in part. An inquiry withdraws no money."""
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
    """Store the merchant's evidence and submit it to the bank, unless it is only staged."""
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
        dispute["status"] = STATUS_AFTER_EVIDENCE[dispute["status"]]
    account.emit("charge.dispute.updated", dispute, previous)
    verdict = TEST_EVIDENCE.get(evidence.get("uncategorized_text", ""))
    if verdict and submit:
        close(account, dispute, verdict)


def close(account: Account, dispute: Json, status: str) -> None:
    """Close the dispute as won or lost. An inquiry closes without a winner."""
    _require_open(dispute)
    dispute["status"] = "warning_closed" if dispute["status"].startswith("warning") else status
    dispute["is_charge_refundable"] = dispute["status"] != "lost"
    account.emit("charge.dispute.closed", dispute)
    if dispute["status"] == "won":
        account.emit("charge.dispute.funds_reinstated", dispute)


def _require_open(dispute: Json) -> None:
    if dispute["status"] not in STATUS_AFTER_EVIDENCE:
        raise errors.unexpected_state("This dispute is already closed.", "dispute_already_closed")
