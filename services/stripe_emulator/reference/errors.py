"""Every refusal Stripe's API would give, as one exception that knows its JSON; never decides who is refused."""

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """Raised wherever a request cannot be honoured; the API turns it into Stripe's error reply."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        more: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.kind = message, status, kind
        self.code, self.param, self.more = code, param, more or {}

    def body(self) -> Json:
        """The reply as Stripe shapes it: only the keys that say something."""
        error: Json = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error | self.more}


def missing(param: str) -> ApiError:
    """A parameter the call cannot do without is absent or empty."""
    return ApiError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def invalid(message: str, param: str, code: str | None = None) -> ApiError:
    """A parameter is there, but not acceptable."""
    return ApiError(message, code=code, param=param)


def unknown(param: str) -> ApiError:
    """A parameter nobody reads: misspelled, or beyond what this emulator models."""
    return ApiError(
        f"Received unknown parameter: {param} (misspelled, or not modelled by this emulator)",
        code="parameter_unknown",
        param=param,
    )


def no_such(kind: str, object_id: str, param: str = "id") -> ApiError:
    """An id that names nothing: 404 in the path, 400 in a parameter, as Stripe does."""
    return ApiError(
        f"No such {kind}: '{object_id}'",
        status=404 if param == "id" else 400,
        code="resource_missing",
        param=param,
    )


def unexpected_state(message: str, code: str, more: Json | None = None) -> ApiError:
    """The object exists, but this cannot be done to it now."""
    return ApiError(message, code=code, more=more)
