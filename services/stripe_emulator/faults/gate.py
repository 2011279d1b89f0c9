"""Decides which API calls fail, and with which error."""

import random
from dataclasses import dataclass, field

from stripe_emulator.faults.faults import ApiFault
from stripe_emulator.reference.errors import StripeApiError

KINDS_AND_CODES: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", None),
    402: ("card_error", "card_declined"),
    403: ("invalid_request_error", None),
    404: ("invalid_request_error", "resource_missing"),
    409: ("invalid_request_error", "lock_timeout"),
    429: ("invalid_request_error", "rate_limit"),
}


@dataclass
class ApiGate:
    """The current fault of API calls, and how many more calls it affects (None: all)."""

    fault: ApiFault | None = None
    left: int | None = None
    generator: random.Random = field(default_factory=random.Random)

    def set(self, fault: ApiFault | None, seed: int | None) -> None:
        """Replace the fault."""
        self.fault, self.left = fault, fault.times if fault else None
        if seed is not None:
            self.generator.seed(seed)

    def next_fault(self, path: str) -> ApiFault | None:
        """Return the fault of this call, if it has one."""
        fault = self.fault
        if fault is None or not path.startswith(fault.path) or self.left == 0:
            return None
        if self.generator.random() >= fault.probability:
            return None
        self.left = None if self.left is None else self.left - 1
        return fault


def injected_error(status: int) -> StripeApiError:
    """Return the error that an API call fails with."""
    kind, code = KINDS_AND_CODES.get(status, ("api_error", None))
    return StripeApiError("This error was requested through /_faults.", status=status, kind=kind, code=code)
