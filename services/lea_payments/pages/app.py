"""Shows a customer the success and cancel pages. It reads the record once, writes nothing and has no secrets."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lea_payments.pages import views
from lea_payments.pages.render import Renderer
from lea_payments.pages.settings import PagesSettings
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit, canonical_url
from lea_payments.payment.record import Payment
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.serving.request_span import RequestSpan
from lea_payments.serving.responses import before_close
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.telemetry import events

DEADLINE_SECONDS = 2.0
"""The longest time that a page waits for the table, with all tries. It refreshes itself."""


class Pages:
    """The routes of this service."""

    def __init__(self, settings: PagesSettings, store: PaymentStore) -> None:
        self._store = store
        self._renderer = Renderer(settings)

    async def success(self, request: Request) -> Response:
        """Shows the state of the payment that a Checkout Session belongs to."""
        visit = Visit.from_query(request.query_params, int(time.time()))
        choose = partial(views.view_of, waited_seconds=visit.waited_seconds)
        return await self._of_payment(request, "success", visit, choose, views.UNKNOWN)

    async def cancel(self, request: Request) -> Response:
        """Shows the same to a customer who left the pay page: the payment can be paid in another window."""
        visit = Visit.from_query(request.query_params, int(time.time()))
        return await self._of_payment(request, "cancel", visit, views.view_after_leaving, views.LEFT_UNKNOWN)

    async def not_found(self, request: Request, error: HTTPException) -> Response:
        """The page for a path or a method that does not exist."""
        view = views.NOT_FOUND._replace(http_status=error.status_code)
        response = self._show(request, "other", view)
        response.headers.update(error.headers or {})
        return response

    async def failed(self, request: Request, _: Exception) -> Response:
        """The page for an internal error. The server logs the traceback."""
        return before_close(self._show(request, "other", views.INTERNAL_ERROR))

    async def _of_payment(
        self,
        request: Request,
        page: str,
        visit: Visit,
        choose: Callable[[Payment | None, str], View],
        unknown: View,
    ) -> Response:
        """Reads the payment of the visit's session, and shows the page that is chosen for it."""
        if visit.session_id is None:
            return self._show(request, page, unknown, visit)
        payment = None
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                payment = await self._store.by_session(visit.session_id)
        except (UnavailableError, TimeoutError):
            view = views.UNAVAILABLE
        else:
            view = choose(payment, visit.session_id)
        url = canonical_url(view, visit)
        return self._renderer.redirect(url) if url else self._show(request, page, view, visit, payment)

    def _show(
        self, request: Request, page: str, view: View, visit: Visit | None = None, payment: Payment | None = None
    ) -> Response:
        response = self._renderer.render(request, view, visit, payment)
        if request.method != "HEAD":  # nobody sees the answer to a HEAD request
            events.page_shown(page, view.status, payment)
        return response


def create_app(settings: PagesSettings, store: PaymentStore) -> ASGIApp:
    """The app of the pages."""
    pages = Pages(settings, store)
    app = create_base_app(store, store.ping, error_handlers={HTTPException: pages.not_found, Exception: pages.failed})
    for path, endpoint in (("/success", pages.success), ("/cancel", pages.cancel)):
        app.router.routes.append(Route(path, endpoint, methods=["GET"]))
    return RequestSpan(app, trusts_caller=False)
