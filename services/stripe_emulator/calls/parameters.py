"""Validates the parameters of API calls with pydantic and reports problems as Stripe's errors."""

from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError, PydanticKnownError

from stripe_emulator.calls.forms import as_list
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json

MAX_TEXT = 5000
MAX_METADATA_KEYS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500

# Stripe's messages for pydantic's error types, because Stripe's packages and their users rely on messages and codes.
MESSAGES = {
    "string_too_long": "Invalid string: {value:.10}…; must be at most {max_length} characters",
    "int_parsing": "Invalid integer: {value}",
    "int_parsing_size": "Invalid integer: {value}",
    "greater_than_equal": "This value must be greater than or equal to {ge}.",
    "less_than_equal": "This value must be less than or equal to {le}.",
    "literal_error": "Invalid {name}: must be one of {choices}",
    "list_type": "Invalid array",
    "dict_type": "Invalid object",
    "model_type": "Invalid object",
}
CODES = {
    **dict.fromkeys(
        ("int_parsing", "int_parsing_size", "greater_than_equal", "less_than_equal"),
        "parameter_invalid_integer",
    ),
    "url_invalid": "url_invalid",
}
# The problems of values that have parts. A form contains only strings in all other places.
BRANCH_PROBLEMS = ("list_type", "dict_type", "model_type", "too_long")


class Parameters(BaseModel):
    """The parameters of one call, or of one branch of them such as `price_data`. Unknown names are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _unset_empty(cls, values: Any) -> Any:
        """Treat an empty string as no value, as Stripe does."""
        if not isinstance(values, dict):
            return values
        return {name: None if value == "" else value for name, value in values.items()}

    def given(self) -> Json:
        """Return the parameters that the caller sent."""
        return self.model_dump(exclude_unset=True)


class NoParameters(Parameters):
    """The parameters of a call that has none."""


P = TypeVar("P", bound=Parameters)


def _digits_only(value: object) -> object:
    # pydantic also accepts "1.0", "1_000" and " 1 ".
    if isinstance(value, str) and not (value.isascii() and value.removeprefix("-").isdigit()):
        raise PydanticKnownError("int_parsing")
    return value


def _true_or_false(value: object) -> bool:
    # pydantic also accepts "yes", "on" and "1".
    if value not in ("true", "false"):
        raise PydanticKnownError("literal_error", {"expected": "'true' or 'false'"})
    return value == "true"


def _http_url(value: str) -> str:
    # pydantic's own URL type changes the text, and rejects the `{CHECKOUT_SESSION_ID}` that Stripe allows.
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PydanticCustomError("url_invalid", "Not a valid URL")
    return value


def _known_currency(value: str) -> str:
    code = value.lower()
    if code not in money.CURRENCIES:
        raise PydanticCustomError("currency", "Invalid currency: {code}", {"code": code})
    return code


def form_list(kind: type[str] | type[Json]) -> BeforeValidator:
    """Make a list of what a form encodes as `name[0]=…&name[1]=…`. Leave a list with items of another kind alone."""

    def convert(value: object) -> object:
        items = as_list(value)
        return value if items is None or not all(isinstance(item, kind) for item in items) else items

    return BeforeValidator(convert)


Text = Annotated[str, Field(max_length=MAX_TEXT)]
Integer = Annotated[int, BeforeValidator(_digits_only)]
Flag = Annotated[bool, BeforeValidator(_true_or_false)]
Url = Annotated[Text, AfterValidator(_http_url)]
Currency = Annotated[Text, AfterValidator(_known_currency)]
Texts = Annotated[list[str], form_list(str)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=MAX_METADATA_KEY)], Annotated[str, Field(max_length=MAX_METADATA_VALUE)]],
    Field(max_length=MAX_METADATA_KEYS),
]


class MetadataParameters(Parameters):
    """The parameters of a call that accepts metadata."""

    metadata: Metadata | None = None

    def merged_metadata(self, old: dict[str, str]) -> dict[str, str]:
        """Return metadata after an update: an empty value removes its key, an empty parameter removes all keys."""
        if self.metadata is None:
            return {} if "metadata" in self.model_fields_set else old
        return {name: value for name, value in (old | self.metadata).items() if value != ""}


def read(model: type[P], values: Json) -> P:
    """Return the validated parameters, or raise Stripe's error for the first problem."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> StripeApiError:
    # Stripe reports one problem. A wrong value tells the caller more than an unknown name.
    first = min(error.errors(), key=lambda detail: detail["type"] == "extra_forbidden")
    name, kind = _name(first), first["type"]
    if kind == "extra_forbidden":
        return errors.unknown(name)
    if kind == "missing" or first["input"] is None:
        return errors.missing(name)
    if isinstance(first["input"], dict) and kind not in BRANCH_PROBLEMS:
        return errors.invalid(f"Invalid string: {first['input']}", name)
    return errors.invalid(_message(first, name), name, CODES.get(kind))


def _name(detail: ErrorDetails) -> str:
    """Return the full name of a parameter as the caller wrote it: `line_items[0][price]`."""
    head, *rest = (part for part in detail["loc"] if part != "[key]")
    return f"{head}{''.join(f'[{part}]' for part in rest)}"


def _message(detail: ErrorDetails, name: str) -> str:
    limits, value = detail.get("ctx", {}), detail["input"]
    if detail["type"] == "string_too_long" and detail["loc"][-1] == "[key]":
        return f"Metadata keys can have up to {MAX_METADATA_KEY} characters: {value}"
    if detail["type"] == "too_long":
        return f"You can only have up to {MAX_METADATA_KEYS} metadata keys, but you passed {len(value)}."
    choices = str(limits.get("expected", "")).replace("'", "").replace(" or ", ", ")
    template = MESSAGES.get(detail["type"])
    return template.format(name=name, value=value, choices=choices, **limits) if template else detail["msg"]
