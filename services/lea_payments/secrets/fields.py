"""Defines the types of the settings that hold secrets; each is valid only beside the endpoints that are set."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

from lea_payments.secrets.rules import API_KEY, API_TOKEN, SIGNING_SECRET, SecretKind, is_local, split_list


def mode_of(key: str) -> str:
    """The mode of a Stripe API key, `live` or `test`; empty if the text is not an API key."""
    kind, _, rest = key.partition("_")
    mode = rest.partition("_")[0]
    return mode if kind in ("sk", "rk") and mode in ("test", "live") else ""


def is_development(endpoint: str, *, livemode: bool, key: str = "") -> bool:
    """Whether no real money is at stake: test mode, and a table on this machine or in this cluster."""
    return is_local(endpoint) and not livemode and mode_of(key) != "live"


def _has_development_settings(fields: Mapping[str, Any]) -> bool:
    endpoint, key = fields.get("ddb_endpoint", ""), fields.get("stripe_secret_key", "")
    return is_development(endpoint, livemode=fields.get("livemode", False), key=key)


def _has_local_stripe(fields: Mapping[str, Any]) -> bool:
    return is_local(fields.get("stripe_api_base", ""))


def _valid(kind: SecretKind, is_local_with: Callable[[Mapping[str, Any]], bool]) -> AfterValidator:
    """Rejects what is not a secret of this kind. A field of this type stands below the fields that it depends on."""

    def validate(value: str | tuple[str, ...], info: ValidationInfo) -> str | tuple[str, ...]:
        secrets = (value,) if isinstance(value, str) else value
        if problem := kind.problem(secrets, is_local=is_local_with(info.data)):
            raise ValueError(problem)
        return value

    return AfterValidator(validate)


SecretList = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(lambda value: split_list(value) if isinstance(value, str) else value)
]
SigningSecretList = Annotated[SecretList, _valid(SIGNING_SECRET, _has_development_settings)]
ApiTokenList = Annotated[SecretList, _valid(API_TOKEN, _has_development_settings)]
StripeKey = Annotated[
    str,
    BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value),
    _valid(API_KEY, _has_local_stripe),
    Field(
        validation_alias="STRIPE_SECRET_KEY",
        description="Stripe API key, `sk_test_…` or a restricted `rk_…`; checkout writes Checkout Sessions, the "
        "reconciler reads Checkout Sessions, PaymentIntents, Charges and Refunds, Disputes, Events and Radar",
    ),
]
