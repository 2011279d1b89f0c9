"""Shows a customer the success and cancel pages. It reads the record once, writes nothing and has no secrets."""

import asyncio
import time

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from lea_payments.pages import views
from lea_payments.pages.render import Renderer
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit
from lea_payments.payment.record import Payment
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.serving.request_span import RequestSpan
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.telemetry import events

DEADLINE_SECONDS = 2.0
"""The longest time that a page waits for the table, with all tries. It refreshes itself."""


class Pages:
    """The routes of this service."""

    def __init__(self, store: PaymentStore) -> None:
        self._store = store
        self._renderer = Renderer()

    async def success(self, request: Request) -> Response:
        """Shows the state of the payment that a Checkout Session belongs to."""
        visit = Visit.from_query(request.query_params, int(time.time()))
        view, payment = await self._find(visit)
        return self._show(request, "success", view, visit, payment)

    async def cancel(self, request: Request) -> Response:
        """Tells a customer who left the pay page that nothing was charged. It does not read the table."""
        return self._show(request, "cancel", views.CANCELLED)

    async def not_found(self, request: Request, error: HTTPException) -> Response:
        """The page for a path or a method that does not exist."""
        view = views.NOT_FOUND._replace(http_status=error.status_code)
        response = self._show(request, "other", view)
        response.headers.update(error.headers or {})
        return response

    async def failed(self, request: Request, _: Exception) -> Response:
        """The page for an internal error. The server logs the traceback."""
        return self._show(request, "other", views.INTERNAL_ERROR)

    async def _find(self, visit: Visit) -> tuple[View, Payment | None]:
        if visit.session_id is None:
            return views.UNKNOWN, None
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                payment = await self._store.by_session(visit.session_id)
        except (UnavailableError, TimeoutError):
            return views.UNAVAILABLE, None
        return views.view_of(payment, visit.session_id, visit.waited_seconds), payment

    def _show(
        self, request: Request, page: str, view: View, visit: Visit | None = None, payment: Payment | None = None
    ) -> Response:
        response = self._renderer.render(request, view, visit, payment)
        if request.method != "HEAD":  # nobody sees the answer to a HEAD request
            events.page_shown(page, view.status, payment)
        return response


def create_app(store: PaymentStore) -> ASGIApp:
    """The app of the pages."""
    pages = Pages(store)
    app = create_base_app(
        "pages", store, store.ping, error_handlers={HTTPException: pages.not_found, Exception: pages.failed}
    )
    for path, endpoint in (("/success", pages.success), ("/cancel", pages.cancel)):
        app.add_api_route(path, endpoint, methods=["GET", "HEAD"], response_model=None)
    return RequestSpan(app, trusts_caller=False)
