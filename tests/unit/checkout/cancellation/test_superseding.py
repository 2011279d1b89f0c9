from collections.abc import Mapping

import pytest

from lea_payments.checkout.cancellation.cancellations import Cancellations
from lea_payments.checkout.cancellation.superseding import cancel_superseded
from lea_payments.checkout.errors import RefusalError
from lea_payments.payment.record import Payment
from tests.support.fake_checkout import PAYMENT, switch_task

UNREACHABLE = RefusalError("stripe_unreachable", "Stripe did not respond.", retry_after=3)


class FakeCancellations(Cancellations):
    """Cancels these payments; an error is raised by `cancel`, or by `cancelable` if its code is in `known`."""

    def __init__(self, payments: Mapping[str, Payment | Exception], known: tuple[str, ...] = ()) -> None:
        self.payments = payments
        self.known = known
        self.canceled: list[tuple[str, str | None]] = []

    async def cancelable(self, payment_id: str) -> Payment:
        await switch_task()
        payment = self.payments[payment_id]
        if isinstance(payment, RefusalError) and payment.code in self.known:
            raise payment
        return payment if isinstance(payment, Payment) else PAYMENT

    async def cancel(self, payment_id: str, superseded_by: str | None = None) -> Payment:
        await switch_task()
        payment = self.payments[payment_id]
        if isinstance(payment, Exception):
            raise payment
        self.canceled.append((payment_id, superseded_by))
        return payment


async def test_all_payments_are_canceled() -> None:
    fake = FakeCancellations({"a": PAYMENT, "b": PAYMENT})

    await cancel_superseded(fake, ["a", "b"], "c")

    assert sorted(fake.canceled) == [("a", "c"), ("b", "c")]


@pytest.mark.parametrize("code", ["already_completed", "payment_not_found"])
async def test_what_is_known_to_be_paid_cancels_nothing(code: str) -> None:
    fake = FakeCancellations({"a": PAYMENT, "b": RefusalError(code, "No.")}, known=(code,))

    with pytest.raises(RefusalError) as error:
        await cancel_superseded(fake, ["a", "b"], "c")

    assert (error.value.code, error.value.param, error.value.message) == (code, "supersedes", "b: No.")
    assert fake.canceled == []


async def test_a_failed_cancellation_is_named() -> None:
    with pytest.raises(RefusalError) as error:
        await cancel_superseded(FakeCancellations({"a": PAYMENT, "b": UNREACHABLE}), ["a", "b"], "c")

    assert (error.value.code, error.value.message) == ("stripe_unreachable", "b: Stripe did not respond.")
    assert (error.value.param, error.value.retry_after) == ("supersedes", 3)


async def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(OSError, match="table"):
        await cancel_superseded(FakeCancellations({"a": OSError("table")}), ["a"], "c")
