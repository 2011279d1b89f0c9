"""Stores the first answer to each idempotency key."""

from dataclasses import dataclass, field

from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json

MAX_KEY = 255


@dataclass(frozen=True)
class StoredAnswer:
    """The first request with an idempotency key, and its answer."""

    path: str
    values: Json
    status: int
    body: bytes
    request_id: str


@dataclass
class StoredAnswers:
    """The answers by idempotency key."""

    _answers: dict[str, StoredAnswer] = field(default_factory=dict)

    def find(self, key: str, path: str, values: Json) -> StoredAnswer | None:
        """Return the answer to repeat, or raise a StripeApiError if the key was used for another request."""
        if len(key) > MAX_KEY:
            raise StripeApiError(f"Idempotency-Key must be at most {MAX_KEY} characters.", kind="idempotency_error")
        first = self._answers.get(key)
        if first and first.path != path:
            raise StripeApiError(
                f"Keys for idempotent requests can only be used for the same endpoint they were first used for"
                f" ('{path}' vs '{first.path}'). Try using a key other than '{key}' if you meant to execute a"
                f" different request.",
                kind="idempotency_error",
            )
        if first and first.values != values:
            raise StripeApiError(
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
                f" Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        return first

    def keep(self, key: str, answer: StoredAnswer) -> None:
        """Store an answer, unless the key already has one."""
        self._answers.setdefault(key, answer)
