"""Renders a page in the customer's language, with its security headers."""

import base64
import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lea_payments.pages import languages, views
from lea_payments.pages.languages import Language
from lea_payments.pages.refresh import refresh_seconds
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit, links_for
from lea_payments.payment.record import Payment
from lea_payments.payment.refunds import refund_totals

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
    """What a page shows of a payment: nothing about its user."""

    reference: str
    product: str | None
    amount: str | None
    refunded: str | None
    refund_pending: str | None
    refund_failed: str | None


class Renderer:
    """Renders all pages in all languages. Templates and messages are loaded at startup."""

    def __init__(self) -> None:
        self._languages = languages.load()
        templates = Environment(
            loader=PackageLoader("lea_payments.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
        )
        templates.get_template("page.html")  # cached, so that the first page does not read it in the event loop
        self._templates = {view.template: templates.get_template(f"{view.template}.html") for view in views.ALL}
        self._style = Markup(templates.get_template("style.css").render())  # noqa: S704 - our own file
        style_hash = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{style_hash}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def render(
        self, request: Request, view: View, visit: Visit | None = None, payment: Payment | None = None
    ) -> Response:
        """Renders the page in the language that the browser prefers."""
        language = self._languages[languages.choose(request.headers.get("accept-language", ""))]
        links = links_for(view, visit)
        html = self._templates[view.template].render(
            _=language.translate,
            language=language,
            style=self._style,
            payment=_summary(payment, view, language) if payment else None,
            links=links,
        )
        headers = {**HEADERS, "Content-Language": language.tag, "Content-Security-Policy": self._policy}
        if visit and view.refreshes:
            seconds = refresh_seconds(view, visit, payment)
            if links and links.stop:
                headers["Refresh"] = f"{seconds}; url={links.reload}"
            if view.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
                headers["Retry-After"] = str(seconds)
        return HTMLResponse(html, view.http_status, headers)


def _summary(payment: Payment, view: View, language: Language) -> PaymentSummary:
    refunds = refund_totals(payment)
    refunded, pending, failed = (
        _formatted(amount or None, refunds.currency, language)
        for amount in (refunds.succeeded, refunds.pending, refunds.failed)
    )
    return PaymentSummary(
        reference=payment.payment_intent_id,
        product=payment.product_name,
        amount=None if view.amount_in_doubt else _formatted(payment.amount, payment.currency, language),
        refunded=refunded,
        refund_pending=pending,
        refund_failed=failed,
    )


def _formatted(amount: int | None, currency: str | None, language: Language) -> str | None:
    if amount is None or amount < 0 or not CURRENCY.fullmatch(currency or ""):
        return None
    return language.amount(amount, currency or "")
