"""Represents one API call."""

from collections.abc import Callable
from dataclasses import dataclass

from stripe_emulator.calls import parameters
from stripe_emulator.calls.parameters import P
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account


@dataclass(frozen=True)
class ApiCall:
    """The path, the decoded parameters, and the id in the path if there is one."""

    path: str
    values: Json
    id: str = ""

    def read(self, model: type[P]) -> P:
        """Return the validated parameters, or raise Stripe's error for the first problem."""
        return parameters.read(model, self.values)


Endpoint = Callable[[Account, ApiCall], Json]
