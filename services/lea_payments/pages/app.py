"""The customer's success and cancel pages: one look at the record, one page; writes nothing and holds no secret."""

import asyncio
import base64
import hashlib
import re
import time
from collections.abc import Mapping
from typing import NamedTuple

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lea_payments.pages import languages, views
from lea_payments.pages.languages import Language
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit, links_for
from lea_payments.payment.record import Payment
from lea_payments.serving import app as web
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import store_calls as store_telemetry
from lea_payments.telemetry.store_calls import Call

DEADLINE_SECONDS = 2.0
"""How long a customer looks at an empty window, at most."""

CURRENCY = re.compile(r"[A-Za-z]{3}")

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


class PaymentSummary(NamedTuple):
    """What a page tells of a payment; nothing of its user."""

    reference: str
    product: str | None
    amount: str | None
    refunded: str | None


class Pages:
    """Every page in every language, ready to be shown."""

    def __init__(self) -> None:
        self._languages = languages.load()
        templates = Environment(
            loader=PackageLoader("lea_payments.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
        )
        self._templates = {view.template: templates.get_template(f"{view.template}.html") for view in views.ALL}
        self._style = Markup(templates.get_template("style.css").render())  # noqa: S704 - our own file
        style_hash = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{style_hash}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def show(
        self, request: Request, view: View, visit: Visit | None = None, payment: Payment | None = None
    ) -> Response:
        """The page in the reader's language."""
        language = self._languages[languages.choose(request.headers.get("accept-language", ""))]
        links = links_for(view, visit)
        html = self._templates[view.template].render(
            _=language.say,
            language=language,
            style=self._style,
            record=_record(payment, view, language) if payment else None,
            links=links,
        )
        headers = {**HEADERS, "Content-Language": language.tag, "Content-Security-Policy": self._policy}
        if links and links.stop:
            headers["Refresh"] = f"{view.again}; url={links.again}"
        if view.http_status == views.UNAVAILABLE.http_status:
            headers["Retry-After"] = str(view.again)
        return HTMLResponse(html, view.http_status, headers)


async def success(request: Request) -> Response:
    """Shows how the payment of a Checkout Session stands."""
    started = time.time_ns()
    visit = Visit.of(request.query_params, started // 10**9)
    with store_telemetry.gathering() as calls:
        view, payment = await _look_up(request.app.state.store, visit)
        response = _show(request, view, visit, payment)
        _report(request, "success", view, started, payment, calls)
    return response


async def cancel(request: Request) -> Response:
    """Tells a customer who left the payment page that nothing was charged; asks nobody."""
    started = time.time_ns()
    response = _show(request, views.CANCELLED)
    _report(request, "cancel", views.CANCELLED, started)
    return response


async def no_such_page(request: Request, error: Exception) -> Response:
    """The page for what FastAPI refuses: no such path, or a wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    started = time.time_ns()
    view = views.NO_SUCH_PAGE._replace(http_status=error.status_code)
    response = _show(request, view)
    response.headers.update(error.headers or {})
    _report(request, "other", view, started)
    return response


async def broken(request: Request, _: Exception) -> Response:
    """The page for a bug of ours, which the server logs."""
    started = time.time_ns()
    response = _show(request, views.BROKEN)
    _report(request, "other", views.BROKEN, started)
    return response


def create_app(store: PaymentStore) -> FastAPI:
    """The app of the pages."""
    app = web.create_app(
        store,
        title="LEA Payments pages",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.store = store
    app.state.pages = Pages()
    app.add_route("/success", success, methods=["GET"])
    app.add_route("/cancel", cancel, methods=["GET"])
    app.add_exception_handler(HTTPException, no_such_page)
    app.add_exception_handler(Exception, broken)
    return app


async def _look_up(store: PaymentStore, visit: Visit) -> tuple[View, Payment | None]:
    if visit.session_id is None:
        return views.UNKNOWN, None
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            payment = await store.by_session(visit.session_id)
    except (UnavailableError, TimeoutError):
        return views.UNAVAILABLE, None
    return views.view_of(payment, visit.waited), payment


def _show(request: Request, view: View, visit: Visit | None = None, payment: Payment | None = None) -> Response:
    pages: Pages = request.app.state.pages
    return pages.show(request, view, visit, payment)


def _record(payment: Payment, view: View, language: Language) -> PaymentSummary:
    def written(amount: int | None) -> str | None:
        if amount is None or amount < 0 or not CURRENCY.fullmatch(payment.currency or ""):
            return None
        return language.amount(amount, payment.currency or "")

    return PaymentSummary(
        reference=payment.payment_intent_id,
        product=payment.product_name,
        amount=None if view.amount_in_doubt else written(payment.amount),
        refunded=written(payment.amount_refunded or None),
    )


def _report(
    request: Request,
    page: str,
    view: View,
    started_ns: int,
    payment: Payment | None = None,
    calls: list[Call] | None = None,
) -> None:
    """Counts what a person sees: a HEAD shows nothing."""
    if request.method == "HEAD":
        return
    telemetry.page_shown(
        page, view.status, payment, started_ns=started_ns, http_status=view.http_status, calls=calls or []
    )
