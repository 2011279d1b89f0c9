"""Cancels the payments that a new payment supersedes."""

import asyncio
from collections.abc import Sequence

from lea_payments.checkout.cancellation.cancellations import Cancellation, Cancellations
from lea_payments.checkout.errors import RefusalError


async def cancel_superseded(cancellations: Cancellations, payment_ids: Sequence[str]) -> Sequence[Cancellation]:
    """Cancels all of these payments. If one of them cannot be canceled, raises RefusalError, which names it.

    All are read before the first one is canceled, so that a payment that is paid already changes nothing.
    """
    for payment_id in payment_ids:
        try:
            await cancellations.cancelable(payment_id)
        except RefusalError as refusal:
            raise _of_superseded(payment_id, refusal) from None
    results = await asyncio.gather(*map(cancellations.cancel, payment_ids), return_exceptions=True)
    for payment_id, result in zip(payment_ids, results, strict=True):
        if isinstance(result, RefusalError):
            raise _of_superseded(payment_id, result)
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, Cancellation)]


def _of_superseded(payment_id: str, refusal: RefusalError) -> RefusalError:
    """The refusal of a call that would supersede the payment."""
    message = f"{payment_id}: {refusal.message}"
    return RefusalError(refusal.code, message, param="supersedes", retry_after=refusal.retry_after)
