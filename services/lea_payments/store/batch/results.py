"""Translates DynamoDB's responses to the statements of a batch into the results of its writes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lea_payments.store.errors import UnavailableError
from lea_payments.store.items import Item
from lea_payments.telemetry import metrics

OUTCOMES: Mapping[str, str] = {
    "ConditionalCheckFailedException": metrics.REFUSED,
    "ValidationException": metrics.REFUSED,
    **dict.fromkeys(("ThrottlingException", "ThrottlingError", "RequestLimitExceeded"), metrics.THROTTLED),
    **dict.fromkeys(("ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded"), metrics.THROTTLED),
    **dict.fromkeys(("ConditionalCheckFailed", "TransactionConflict"), metrics.OK),
}
"""Outcomes of a call by DynamoDB's code for it or for one of its statements (API reference); other codes are errors.

A false condition of a statement is an ordinary result: it is how duplicates are found.
"""


class Written(NamedTuple):
    """The write is done."""


class Blocked(NamedTuple):
    """The condition was false; `current_item` is the item as it is now."""

    current_item: Item


class NotFound(NamedTuple):
    """There is no item with this key."""


class Busy(NamedTuple):
    """The try failed for a temporary reason, so it can be repeated. It may be written nevertheless."""

    reason: str


class Failed(NamedTuple):
    """The write fails however often it is sent; the other writes of its batch are not affected."""

    error: Exception


_WRITTEN = Written()
WriteResult = Written | Blocked | NotFound | Busy | Failed
_TEMPORARY_CODES = frozenset(
    {
        "TransactionConflict",
        "ThrottlingError",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
        "InternalServerError",
    }
)
"""The codes of BatchStatementError (DynamoDB API reference) after which the same statement can succeed."""


def results_of(responses: Sequence[Mapping[str, Any]]) -> tuple[Sequence[WriteResult] | Exception, str]:
    """The result of each write, and the outcome of the call: the worst one of its statements.

    If a response cannot be read, the result of all is an error: without one, the batch would be in flight for ever.
    """
    try:
        for response in responses:
            if "Error" in response:
                results = [result_of(each) for each in responses]
                return results, max(map(_outcome_of, responses), key=metrics.STORE_OUTCOMES.index)
        return [_WRITTEN] * len(responses), metrics.OK
    except Exception as error:  # noqa: BLE001 - nothing is known about what a proxy can send
        return error, metrics.ERROR


def _outcome_of(response: Mapping[str, Any]) -> str:
    return OUTCOMES.get(response["Error"].get("Code", ""), metrics.ERROR) if "Error" in response else metrics.OK


def result_of(response: Mapping[str, Any]) -> WriteResult:
    """DynamoDB's response to one statement of a batch as a result."""
    error = response.get("Error")
    if error is None:
        return _WRITTEN
    code = error.get("Code", "")
    if code == "ConditionalCheckFailed":
        # ALL_OLD returns the current item in the error or, as the API reference also allows, beside it.
        current_item = response.get("Item") or error.get("Item")
        return Blocked(current_item) if current_item else NotFound()
    if code in _TEMPORARY_CODES:
        return Busy(code)
    if code == "ResourceNotFound":
        return Failed(UnavailableError("the table does not exist: run lea-payments init-table"))
    return Failed(RuntimeError(f"DynamoDB rejected a statement: {code}: {error.get('Message', '')}"))
