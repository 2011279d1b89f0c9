"""Renders a page in the customer's language, with its security headers."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from lea_payments import return_urls
from lea_payments.brand import zone_of
from lea_payments.pages import languages, views
from lea_payments.pages.languages import TAGS, Language
from lea_payments.pages.refresh import refresh_seconds, refresh_steps
from lea_payments.pages.settings import PagesSettings
from lea_payments.pages.summary import summary_of
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit, links_for
from lea_payments.payment.record import Payment
from lea_payments.telemetry import spans

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


class NextSteps(NamedTuple):
    """What happens after a payment, and the language of the text."""

    text: str
    tag: str


class Renderer:
    """Renders all pages in all languages. Templates and messages are loaded at startup."""

    def __init__(self, settings: PagesSettings) -> None:
        self._settings = settings
        self._zone = zone_of(settings.time_zone)
        self._languages = languages.load()
        templates = Environment(
            loader=PackageLoader("lea_payments.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
        )
        # Cached, so that the first page reads no file in the event loop.
        for name in ("page.html", "_next_steps.html"):
            templates.get_template(name)
        for language in self._languages.values():
            language.moment(datetime.now(UTC), self._zone)
        self._templates = {view.template: templates.get_template(f"{view.template}.html") for view in views.ALL}
        style, script = (Markup(templates.get_template(name).render()) for name in ("style.css", "refresh.js"))  # noqa: S704 - our own files
        self._always = {
            "style": style,
            "script": script,
            "brand": settings.brand_name,
            "logo": settings.logo,
            "contact": settings.support_contact,
            "contact_text": settings.support_contact.partition("//" if "//" in settings.support_contact else ":")[2],
        }
        self._policy = (
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def redirect(self, url: str) -> Response:
        """Sends the customer to another URL of the same page."""
        return RedirectResponse(url, HTTPStatus.SEE_OTHER, HEADERS)

    def render(
        self, request: Request, view: View, visit: Visit | None = None, payment: Payment | None = None
    ) -> Response:
        """Renders the page in the payment's language, or else in the one that the browser prefers."""
        own_language = payment.checkout_locale if payment else None
        language = self._languages[languages.choose(request.headers.get("accept-language", ""), own_language)]
        headers = {**HEADERS, "Content-Language": language.tag, "Content-Security-Policy": self._policy}
        if visit and view.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(refresh_seconds(view, visit))
        html = self._templates[view.template].render(self._always | self._values(view, visit, payment, language))
        return HTMLResponse(html, view.http_status, headers)

    def _values(self, view: View, visit: Visit | None, payment: Payment | None, language: Language) -> dict[str, Any]:
        links = links_for(view, visit)
        refreshes = visit is not None and links is not None and links.stop is not None
        return {
            "_": language.translate,
            "language": language,
            "payment": summary_of(payment, view, language, self._zone, visit.now if visit else 0) if payment else None,
            "conversation": self._way_back(payment),
            "links": links,
            "steps": refresh_steps(view, visit) if visit and refreshes else (),
            "seconds": refresh_seconds(view, visit) if visit and refreshes else None,
            "checked": language.time(visit.now, self._zone) if visit else None,
            "reference": (visit and visit.session_id) or spans.current_trace_id(),
            "next_steps": self._next_steps(language),
        }

    def _way_back(self, payment: Payment | None) -> str:
        """Where the customer came from: the payment's own address, if that is allowed, or else the one for all."""
        own = return_urls.way_back(
            payment.return_url if payment else None,
            payment.payment_intent_id if payment else "",
            self._settings.return_url_origins,
        )
        return own or self._settings.conversation_url

    def _next_steps(self, language: Language) -> NextSteps | None:
        texts = self._settings.next_steps
        tag = language.tag if language.tag in texts else TAGS[0]
        return NextSteps(texts[tag], tag) if texts else None


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
