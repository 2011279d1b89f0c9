"""Checks the parameters of a query before one of them is read."""

from collections import Counter
from collections.abc import Sequence

from lea_payments.checkout.errors import RefusalError


def check_each_once(parameters: Sequence[tuple[str, str]]) -> None:
    """Raises RefusalError if a parameter occurs twice: only one of its values would count."""
    for name, times in Counter(name for name, _ in parameters).items():
        if times > 1:
            raise RefusalError("invalid_request", "Give each parameter once.", param=name)
