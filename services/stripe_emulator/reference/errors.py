"""Defines Stripe's API errors as exceptions."""

from stripe_emulator.reference.shapes import Json


class StripeApiError(Exception):
    """Raised when a request is rejected. The answer is the error in Stripe's format."""

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
        """Return the error as Stripe sends it, without empty fields."""
        error: Json = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error | self.more}


def missing(param: str) -> StripeApiError:
    """Return the error for a required parameter that is absent or empty."""
    return StripeApiError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def invalid(message: str, param: str, code: str | None = None) -> StripeApiError:
    """Return the error for a parameter with a value that is not allowed."""
    return StripeApiError(message, code=code, param=param)


def unknown(param: str) -> StripeApiError:
    """Return the error for a parameter that does not exist, or that the emulator does not support."""
    return StripeApiError(
        f"Received unknown parameter: {param} (misspelled, or not supported by this emulator)",
        code="parameter_unknown",
        param=param,
    )


def no_such(kind: str, object_id: str, param: str = "id") -> StripeApiError:
    """Return the error for an unknown id: 404 if it is in the path, 400 if it is in a parameter, as at Stripe."""
    return StripeApiError(
        f"No such {kind}: '{object_id}'",
        status=404 if param == "id" else 400,
        code="resource_missing",
        param=param,
    )


def unexpected_state(message: str, code: str, more: Json | None = None) -> StripeApiError:
    """Return the error for an operation that the object's current state does not allow."""
    return StripeApiError(message, code=code, more=more)
