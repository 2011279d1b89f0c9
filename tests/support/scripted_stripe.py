"""Replaces Stripe's API with scripted responses, without a network."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import stripe

from lea_payments.settings import StripeSettings
from lea_payments.stripe.client import safe_body
from lea_payments.stripe.reader import StripeReader

KEY = "sk_test_OfTheScriptedStripe"
SETTINGS = StripeSettings.model_validate({"STRIPE_SECRET_KEY": KEY})


class Response(NamedTuple):
    """One response; a status of 0 means that Stripe cannot be reached."""

    status: int = 200
    body: object = {"error": {}}
    headers: Mapping[str, str] = {}


class ScriptedStripe(stripe.HTTPClient):
    """Answers with the given responses, then with the last one; `requests` are the query parameters."""

    name = "scripted"

    def __init__(self, *responses: Response) -> None:
        super().__init__()
        self._responses = list(responses)
        self.requests: list[dict[str, str]] = []

    def request(
        self,
        method: str,  # noqa: ARG002 - the interface of stripe.HTTPClient
        url: str,
        headers: object,  # noqa: ARG002 - see above
        post_data: object = None,  # noqa: ARG002 - see above
        **_: Any,
    ) -> tuple[str, int, Mapping[str, str]]:
        self.requests.append(dict(parse_qsl(urlsplit(url).query)))
        response = self._response_to(urlsplit(url).path)
        if not response.status:
            raise stripe.APIConnectionError("no route")  # type: ignore[no-untyped-call]  # it has no types
        return safe_body(json.dumps(response.body).encode(), response.status), response.status, response.headers

    def _response_to(self, path: str) -> Response:  # noqa: ARG002 - a subclass needs it
        return self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]

    def reader(self) -> StripeReader:
        """Return a reader of these responses whose rate limit does not wait."""
        return StripeReader(SETTINGS, sleep=_no_wait, client=stripe.StripeClient(KEY, http_client=self))


class StripeObjects(ScriptedStripe):
    """Answers with objects by their path: the list of a type, or its first object."""

    def __init__(self, objects: Mapping[str, Sequence[object]]) -> None:
        super().__init__()
        self._objects = objects

    def _response_to(self, path: str) -> Response:
        if path in self._objects:
            return Response(body={"object": "list", "data": self._objects[path], "has_more": False})
        first = self._objects[path.rpartition("/")[0]][0]
        return Response(body=first if isinstance(first, dict) else {})  # any other response is read again


async def _no_wait(_: float) -> None:
    pass
