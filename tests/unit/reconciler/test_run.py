from lea_payments.reconciler.run import Run, RunOutcome
from lea_payments.stripe.errors import StripeMissingError, StripeRefusedError, StripeUnavailableError
from lea_payments.telemetry import metrics


def test_several_repairs_of_one_payment_are_one_drift() -> None:
    run = Run()
    for payment_id in ("payment_1", "payment_1", "payment_2"):
        run.count_repair(payment_id)

    assert (run.repaired, run.drift, run.outcome, run.problem) == (3, 2, "ok", None)


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
