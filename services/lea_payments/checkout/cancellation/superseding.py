"""Cancels the payments that a new payment supersedes."""

import asyncio
from collections.abc import Sequence

from lea_payments.checkout.cancellation.cancellations import Cancellations
from lea_payments.checkout.errors import RefusalError


async def cancel_superseded(cancellations: Cancellations, payment_ids: Sequence[str], superseded_by: str) -> None:
    """Cancels all of these payments for the new one. Raises RefusalError, which names one that cannot be canceled.

    All are read before the first one is canceled, so that a payment that is paid already changes nothing.
    """
    for payment_id in payment_ids:
        try:
            await cancellations.cancelable(payment_id)
        except RefusalError as refusal:
            raise _of_superseded(payment_id, refusal) from None
    calls = (cancellations.cancel(payment_id, superseded_by) for payment_id in payment_ids)
    results = await asyncio.gather(*calls, return_exceptions=True)
    for payment_id, result in zip(payment_ids, results, strict=True):
        if isinstance(result, RefusalError):
            raise _of_superseded(payment_id, result)
        if isinstance(result, BaseException):
            raise result


def _of_superseded(payment_id: str, refusal: RefusalError) -> RefusalError:
    """The refusal of a call that would supersede the payment."""
    message = f"{payment_id}: {refusal.message}"
    return RefusalError(refusal.code, message, param="supersedes", retry_after=refusal.retry_after)
