"""Opens, answers, moves and closes disputes."""

from typing import Literal

from stripe_emulator.payments import early_fraud_warnings
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make

Status = Literal[
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "prevented",
    "appeal_needs_response",
    "appeal_under_review",
]
# https://docs.stripe.com/api/disputes/object#dispute_object-reason
Reason = Literal[
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
]
# The status of an open dispute, and its status after evidence was submitted.
STATUS_AFTER_EVIDENCE = {
    "needs_response": "under_review",
    "warning_needs_response": "warning_under_review",
    "appeal_needs_response": "appeal_under_review",
    "under_review": "under_review",
    "warning_under_review": "warning_under_review",
    "appeal_under_review": "appeal_under_review",
}
# Whether the disputed amount is withdrawn from the merchant's balance. An appeal leaves it where it is.
IS_WITHDRAWN = {
    **dict.fromkeys(("needs_response", "under_review", "lost"), True),
    **dict.fromkeys(("warning_needs_response", "warning_under_review", "warning_closed", "won", "prevented"), False),
}
RESPONSE_SECONDS = 9 * 24 * 3600
# https://docs.stripe.com/testing#disputes-evidence
TEST_EVIDENCE = {"winning_evidence": "won", "losing_evidence": "lost"}
ESCALATION = "escalate_inquiry_evidence"


def of_charge(account: Account, charge_id: str) -> list[Json]:
    """Return the disputes of a charge, including closed ones."""
    return [dispute for dispute in account.store.oldest_first("dispute") if dispute["charge"] == charge_id]


def open_if_test_card(account: Account, intent: Json) -> None:
    """Dispute the payment if it was paid with a test card that is always disputed."""
    instrument = account.store.instruments.get(intent["payment_method"] or "")
    if instrument and instrument.dispute and intent["status"] == "succeeded":
        parts = instrument.disputes
        for number in range(parts):
            # The parts add up to the amount of the charge.
            amount = intent["amount"] * (number + 1) // parts - intent["amount"] * number // parts
            open_dispute(account, intent, instrument.dispute, inquiry=instrument.inquiry, amount=amount)


def open_dispute(
    account: Account,
    intent: Json,
    reason: str,
    *,
    inquiry: bool = False,
    amount: int | None = None,
    status: str | None = None,
) -> Json:
    """Dispute a charge, by default all that is not disputed yet. An inquiry withdraws no money."""
    charge = account.store.get("charge", intent["latest_charge"] or "none", "payment_intent")
    status = status or ("warning_needs_response" if inquiry else "needs_response")
    dispute = account.store.add(
        make(
            "dispute",
            amount=_disputable(account, charge, amount, withdraws=IS_WITHDRAWN.get(status, True)),
            charge=charge["id"],
            created=account.now(),
            currency=charge["currency"],
            is_charge_refundable=not IS_WITHDRAWN.get(status, True),
            payment_intent=intent["id"],
            reason=reason,
            status=status,
        )
    )
    if status.endswith("needs_response"):
        dispute["evidence_details"]["due_by"] = account.now() + RESPONSE_SECONDS
    case_type = "inquiry" if status.startswith("warning") else "chargeback"
    dispute["payment_method_details"]["card"]["case_type"] = case_type
    charge["disputed"] = True
    account.emit("charge.dispute.created", dispute)
    _move_money(account, dispute)
    early_fraud_warnings.refresh(account, charge)
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
    text = evidence.get("uncategorized_text", "")
    if submit and text in TEST_EVIDENCE:
        close(account, dispute, TEST_EVIDENCE[text])
    elif submit and text == ESCALATION and dispute["status"].startswith("warning"):
        move(account, dispute, "needs_response")


def close(account: Account, dispute: Json, status: str) -> None:
    """Close the dispute as won or lost. An inquiry closes without a winner."""
    _require_open(dispute)
    move(account, dispute, "warning_closed" if dispute["status"].startswith("warning") else status)


def move(account: Account, dispute: Json, status: str, due_by: int | None = None) -> None:
    """Change the status as the bank does, to any status. `due_by` is the time until which it waits for evidence."""
    previous, dispute["status"] = {"status": dispute["status"]}, status
    if IS_WITHDRAWN.get(status):
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    dispute["is_charge_refundable"] = not IS_WITHDRAWN.get(status, not dispute["is_charge_refundable"])
    if due_by is not None or status.endswith("needs_response"):
        dispute["evidence_details"]["due_by"] = account.now() + RESPONSE_SECONDS if due_by is None else due_by
    if status in STATUS_AFTER_EVIDENCE:
        account.emit("charge.dispute.updated", dispute, previous)
    else:
        account.emit("charge.dispute.closed", dispute)
    _move_money(account, dispute)


def _disputable(account: Account, charge: Json, amount: int | None, *, withdraws: bool) -> int:
    """Return the amount that can be disputed, or raise a StripeApiError."""
    others = of_charge(account, charge["id"]) if withdraws else []
    left: int = charge["amount"] - sum(other["amount"] for other in others if other["id"] in account.store.withdrawn)
    if charge["status"] != "succeeded" or left <= 0:
        raise errors.unexpected_state("Only a succeeded, undisputed charge can be disputed.", "charge_not_disputable")
    if amount is not None and amount > left:
        raise errors.invalid("Disputes cannot exceed their charge.", "amount")
    return left if amount is None else amount


def _move_money(account: Account, dispute: Json) -> None:
    """Withdraw the disputed amount from the merchant's balance, or return it, if the status says so."""
    withdrawn = account.store.withdrawn
    expected = IS_WITHDRAWN.get(dispute["status"], dispute["id"] in withdrawn)
    if expected and dispute["id"] not in withdrawn:
        withdrawn.add(dispute["id"])
        account.emit("charge.dispute.funds_withdrawn", dispute)
    elif not expected and dispute["id"] in withdrawn:
        withdrawn.remove(dispute["id"])
        account.emit("charge.dispute.funds_reinstated", dispute)


def _require_open(dispute: Json) -> None:
    if dispute["status"] not in STATUS_AFTER_EVIDENCE:
        raise errors.unexpected_state("This dispute is already closed.", "dispute_already_closed")
