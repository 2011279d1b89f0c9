import pytest
from msgspec.structs import replace

from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Status
from lea_payments.reconciler.run import Run, RunOutcome
from lea_payments.stripe.errors import StripeMissingError, StripeRefusedError, StripeUnavailableError
from lea_payments.telemetry import metrics
from tests.support.scenarios import record


def test_several_repairs_of_one_payment_are_one_drift() -> None:
    run = Run()
    for payment_id in ("payment_1", "payment_1", "payment_2"):
        before = record(payment_id)
        run.count_repair(before, replace(before, payment_status=Status.COMPLETED))

    assert (run.repaired, run.drift, run.outcome, run.problem) == (3, 2, "ok", None)


@pytest.mark.parametrize(
    ("fields", "drift"),
    [
        ({"status_reason": "paid_twice"}, 1),
        ({"amount_refunded": 1}, 1),
        ({"stripe_payment_intent": "pi_a"}, 1),
        ({"facts": {"cs_a": Fact(kind=Kind.SESSION, state="expired")}, "version": 3, "updated_at": "now"}, 0),
        ({"other_session_id": "cs_b"}, 0),
    ],
    ids=["reason", "refund", "PaymentIntent", "fact", "other session"],
)
def test_only_published_fields_are_drift(fields: dict[str, object], drift: int) -> None:
    run = Run()
    run.count_repair(record("payment_1"), replace(record("payment_1"), **fields))

    assert (run.repaired, run.drift) == (1, drift)


def test_the_first_problem_decides_the_outcome() -> None:
    run = Run()
    run.fail(RunOutcome.TABLE_UNAVAILABLE, "no answer")
    run.fail(RunOutcome.ERROR, "a bug")

    assert (run.outcome, run.problem) == ("table_unavailable", "no answer")


def test_each_stripe_error_has_its_outcome() -> None:
    errors = [StripeUnavailableError("busy"), StripeRefusedError("key"), StripeMissingError("id")]
    runs = [Run() for _ in errors]
    for run, error in zip(runs, errors, strict=True):
        run.fail_at_stripe(error)

    assert [run.outcome for run in runs] == ["stripe_unavailable", "stripe_refused", "stripe_refused"]
    assert [run.problem for run in runs] == ["busy", "key", "id"]


def test_each_outcome_is_a_metric_label() -> None:
    assert tuple(RunOutcome) == metrics.RECONCILER_RUN_OUTCOMES


def test_a_refused_list_is_named() -> None:
    run = Run()
    run.fail_at_stripe(StripeRefusedError("the key lacks a permission"), "/v1/refunds")

    assert (run.outcome, run.problem) == ("stripe_refused", "/v1/refunds: the key lacks a permission")
