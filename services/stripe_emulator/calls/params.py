"""Reading parameters with Stripe's own complaints; each is read once, and what nobody read is refused."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from stripe_emulator.calls import forms
from stripe_emulator.reference import errors

MAX_TEXT = 5000
MAX_METADATA_KEYS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500
MAX_URL = 5000


class Params:
    """The parameters of one call, or of one branch of them."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values, self._path = values, path
        self._unread = set(values)
        self._children: list[Params] = []

    def name(self, key: str) -> str:
        """The parameter's full name, as the caller wrote it: `line_items[0][price]`."""
        return f"{self._path}[{key}]" if self._path else key

    def has(self, key: str) -> bool:
        """Whether the parameter is given, be it empty."""
        return key in self._values

    def names(self) -> list[str]:
        """The keys given here."""
        return sorted(self._values)

    def text(self, key: str, *, max_length: int = MAX_TEXT) -> str | None:
        """A string; None when absent or empty, because an empty string unsets."""
        value = self._take(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise errors.invalid(f"Invalid string: {value}", self.name(key))
        if len(value) > max_length:
            raise errors.invalid(
                f"Invalid string: {value[:10]}…; must be at most {max_length} characters", self.name(key)
            )
        return value

    def required(self, key: str, *, max_length: int = MAX_TEXT) -> str:
        """A string that must be there."""
        value = self.text(key, max_length=max_length)
        if value is None:
            raise errors.missing(self.name(key))
        return value

    def integer(self, key: str, *, minimum: int | None = None, maximum: int | None = None) -> int | None:
        """A whole number within its limits."""
        value = self.text(key)
        if value is None:
            return None
        if not value.removeprefix("-").isascii() or not value.removeprefix("-").isdigit():
            raise errors.invalid(f"Invalid integer: {value}", self.name(key), "parameter_invalid_integer")
        number = int(value)
        if minimum is not None and number < minimum:
            raise errors.invalid(
                f"This value must be greater than or equal to {minimum}.",
                self.name(key),
                "parameter_invalid_integer",
            )
        if maximum is not None and number > maximum:
            raise errors.invalid(
                f"This value must be less than or equal to {maximum}.",
                self.name(key),
                "parameter_invalid_integer",
            )
        return number

    def flag(self, key: str) -> bool | None:
        """`true` or `false`."""
        value = self.choice(key, ("true", "false"))
        return None if value is None else value == "true"

    def choice(self, key: str, allowed: Collection[str]) -> str | None:
        """One of a few words."""
        value = self.text(key)
        if value is not None and value not in allowed:
            raise errors.invalid(f"Invalid {self.name(key)}: must be one of {', '.join(allowed)}", self.name(key))
        return value

    def url(self, key: str) -> str | None:
        """An absolute http or https address; Stripe's `{PLACEHOLDERS}` may stand in it."""
        value = self.text(key, max_length=MAX_URL)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise errors.invalid("Not a valid URL", self.name(key), "url_invalid")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings; empty when absent."""
        value = self._take(key)
        if value is None or value == "":
            return []
        items = forms.as_list(value)
        if items is None or not all(isinstance(item, str) for item in items):
            raise errors.invalid("Invalid array", self.name(key))
        return items

    def child(self, key: str) -> "Params":
        """A nested object; reads as empty when absent."""
        value = self._take(key)
        if value is not None and value != "" and not isinstance(value, dict):
            raise errors.invalid("Invalid object", self.name(key))
        return self._nest(value or {}, self.name(key))

    def children(self, key: str) -> list["Params"]:
        """A list of nested objects; empty when absent."""
        value = self._take(key)
        if value is None or value == "":
            return []
        items = forms.as_list(value)
        if items is None or not all(isinstance(item, dict) for item in items):
            raise errors.invalid("Invalid array", self.name(key))
        return [self._nest(item, f"{self.name(key)}[{place}]") for place, item in enumerate(items)]

    def raw(self, key: str) -> Any:
        """Whatever was sent, for what is only echoed."""
        return self._take(key)

    def metadata(self, key: str = "metadata") -> dict[str, str]:
        """Up to fifty short strings; an empty value asks for the key's removal."""
        pairs = self.child(key)
        names = pairs.names()
        if len(names) > MAX_METADATA_KEYS:
            raise errors.invalid(
                f"You can only have up to {MAX_METADATA_KEYS} metadata keys, but you passed {len(names)}.",
                self.name(key),
            )
        for name in names:
            if len(name) > MAX_METADATA_KEY:
                raise errors.invalid(
                    f"Metadata keys can have up to {MAX_METADATA_KEY} characters: {name}", pairs.name(name)
                )
        return {name: pairs.text(name, max_length=MAX_METADATA_VALUE) or "" for name in names}

    def merged_metadata(self, old: dict[str, str]) -> dict[str, str]:
        """Metadata after an update: given keys replace, empty values remove, an empty whole clears."""
        if self._values.get("metadata") == "":
            self._take("metadata")
            return {}
        return {name: value for name, value in (old | self.metadata()).items() if value != ""}

    def finish(self) -> None:
        """Refuse what nobody read."""
        for name in sorted(self._unread):
            raise errors.unknown(self.name(name))
        for child in self._children:
            child.finish()

    def _take(self, key: str) -> Any:
        self._unread.discard(key)
        return self._values.get(key)

    def _nest(self, values: Mapping[str, Any], path: str) -> "Params":
        child = Params(values, path)
        self._children.append(child)
        return child
