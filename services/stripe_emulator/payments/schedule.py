"""Runs everything that happens by itself at a later time."""

from stripe_emulator.payments import checkout, refunds
from stripe_emulator.state.account import Account


def run_due(account: Account) -> None:
    """Settle payments, end refunds and expire sessions that are due."""
    checkout.run_due(account)
    refunds.run_due(account)
