"""Defines the query of a call that reads one payment, and can wait until it changes."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lea_payments.checkout.input.numbers import digits_only

LONGEST_WAIT_SECONDS = 25
"""Proxies and load balancers close a connection that is silent for longer: many of them after 30 or 60 s."""

_VERSION_LIMIT = 10**15 - 1

_Seconds = Annotated[int, Field(ge=0, le=LONGEST_WAIT_SECONDS)]
_Version = Annotated[int, Field(ge=0, le=_VERSION_LIMIT)]


class Wait(BaseModel):
    """How long to wait, and for what. Unknown parameters are an error, so that a typo does not go unnoticed."""

    model_config = ConfigDict(extra="forbid")

    wait: Annotated[
        _Seconds,
        BeforeValidator(digits_only, json_schema_input_type=_Seconds),
        Field(
            description="The answer comes when the payment changes, or after this many seconds. "
            "Allow the call a few seconds more.",
            examples=[LONGEST_WAIT_SECONDS],
        ),
    ] = 0
    after: Annotated[
        _Version | None,
        BeforeValidator(digits_only, json_schema_input_type=_Version),
        Field(
            description="The `version` that you have: if the payment has another one, the answer comes at once. "
            "Without it, the call waits for a change from the state that the payment has when the call arrives.",
            examples=[2],
        ),
    ] = None
