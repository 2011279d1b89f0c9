"""Sends the notifications of payments again, by making them due; the notifier then delivers them."""

import asyncio
from collections.abc import Sequence

from botocore.exceptions import ClientError

from lea_payments.commands.console.terminal import Terminal
from lea_payments.settings import SettingsError, TableSettings
from lea_payments.store.dynamodb import code_of, with_remedy
from lea_payments.store.errors import ConflictError, UnavailableError
from lea_payments.store.notifications.outbox import Outbox
from lea_payments.text.words import counted


def run(settings: TableSettings, payment_ids: Sequence[str], console: Terminal, *, only_dead_letters: bool) -> bool:
    """Prints a line for each payment, and returns whether all of them are due. Raises SettingsError.

    With `only_dead_letters`, those payments whose notification was given up, and only at the endpoints where it was.
    """
    try:
        return asyncio.run(_run(settings, payment_ids, console, only_dead_letters=only_dead_letters))
    except UnavailableError as error:
        raise SettingsError(with_remedy(error)) from None
    except ClientError as error:
        raise SettingsError(f"DynamoDB rejects the request: {code_of(error)}; check the permissions") from None


async def _run(
    settings: TableSettings, payment_ids: Sequence[str], console: Terminal, *, only_dead_letters: bool
) -> bool:
    failed = 0
    async with Outbox(settings) as outbox:
        ids = await outbox.dead_letters() if only_dead_letters else list(dict.fromkeys(payment_ids))
        for payment_id in ids:
            try:
                exists = await outbox.make_due(payment_id, only_dead_letters=only_dead_letters)
            except ConflictError as error:
                failed += 1
                console.print(str(error), soft_wrap=True)
                continue
            failed += not exists
            console.print(f"{payment_id}: {'due now' if exists else 'there is no such payment'}", soft_wrap=True)
    if not ids:
        console.print("No notification was given up.")
    elif failed < len(ids):
        number = len(ids) - failed
        them = "it" if number == 1 else "them"
        sent = counted(number, "notification")
        console.print(f"{sent} due: the notifier sends {them} now. See `lea-payments show ID`.", soft_wrap=True)
    return not failed
