"""Serves the hosted pay page, `/c/pay/{session}`."""

from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import FastAPI, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stripe_emulator.emulator import Current, Emulator
from stripe_emulator.pay_page import payment
from stripe_emulator.pay_page.payment import PaymentForm
from stripe_emulator.payments import checkout, recovery
from stripe_emulator.reference import cards, money
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json

TEMPLATES = Path(__file__).parent / "templates"
PAGES = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
PAY_PAGE = PAGES.get_template("pay.html.j2")
STYLE = (TEMPLATES / "pay.css").read_bytes()
URL_SAFE = ":/%#?=@[]!$&'()*+,;~"
CLOSED = {
    "complete": ("You have already paid", "This payment is complete. You can close this page.", 200),
    "expired": ("This link has expired", "Nothing was charged. Go back to the merchant for a new link.", 410),
    "missing": ("No such payment", "There is no payment at this address. Please check the link.", 404),
}


def add_routes(app: FastAPI) -> None:
    """Add the page and its stylesheet."""
    app.add_api_route("/c/pay/{session_id}", show, methods=["GET"])
    app.add_api_route("/c/pay/{session_id}", submit, methods=["POST"])
    app.add_api_route("/c/pay.css", stylesheet, methods=["GET"])
    app.add_api_route("/r/{token}", recover, methods=["GET"])


async def show(emulator: Current, session_id: str) -> Response:
    """Show the page."""
    session = _session(emulator, session_id)
    return _page(emulator, session, PaymentForm()) if session and session["status"] == "open" else _closed(session)


async def submit(request: Request, emulator: Current, session_id: str) -> Response:
    """Pay, and send the customer back to the merchant. After an error, show the page again with the reason."""
    session, form = _session(emulator, session_id), read_form(await request.body())
    if session is None or session["status"] == "expired":
        return _closed(session)
    if session["status"] == "open":
        try:
            payment.pay(emulator, session, form)
        except StripeApiError as error:
            return _page(emulator, session, form, error)
    await payment.wait_for_merchant(emulator, session)
    back = quote(checkout.success_url(session), safe=URL_SAFE)
    return Response(status_code=303, headers={"Location": back} | _headers(session))


async def recover(emulator: Current, token: str) -> Response:
    """Create a new session in place of the expired one, and send the customer to its page."""
    session = recovery.recover(emulator.account, token)
    if session is None:
        return _closed(None)
    return Response(status_code=303, headers={"Location": session["url"]} | _headers(session))


async def stylesheet() -> Response:
    """Return the stylesheet."""
    return Response(STYLE, media_type="text/css")


def read_form(body: bytes) -> PaymentForm:
    """Return the fields that the browser posted."""
    return PaymentForm.model_validate(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))


def _session(emulator: Emulator, session_id: str) -> Json | None:
    return emulator.account.store.tables["checkout.session"].get(session_id)


def _page(emulator: Emulator, session: Json, form: PaymentForm, error: StripeApiError | None = None) -> Response:
    currency, kinds = session["currency"], session["payment_method_types"]
    items = [
        item | {"shown_amount": money.formatted(item["amount_total"], currency)}
        for item in emulator.account.store.orders[session["id"]].items
    ]
    html = PAY_PAGE.render(
        state="open",
        title=_title(session),
        needs_method=checkout.needs_method(session),
        session=session,
        cancel_url=checkout.cancel_url(session),
        items=items,
        form=form,
        error=error,
        card="card" in kinds,
        delayed=any(kind in cards.DELAYED_KINDS for kind in kinds),
    )
    return Response(html, error.status if error else 200, _headers(session), "text/html")


def _title(session: Json) -> str:
    if session["mode"] == "setup":
        return "Save payment method"
    return f"Pay {money.formatted(session['amount_total'], session['currency'])}"


def _closed(session: Json | None) -> Response:
    state = session["status"] if session else "missing"
    title, text, status = CLOSED[state]
    link = None
    if session:
        link = checkout.success_url(session) if state == "complete" else checkout.cancel_url(session)
    html = PAY_PAGE.render(state=state, title=title, text=text, link=link)
    return Response(html, status, _headers(session), "text/html")


def _headers(session: Json | None) -> dict[str, str]:
    # form-action also restricts the redirect after the form, so it must contain the merchant's origin.
    merchant = ""
    if session:
        parts = urlsplit(session["success_url"])
        merchant = f" {parts.scheme}://{quote(parts.netloc, safe=':[]@')}"
    policy = (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none';"
        f" form-action 'self'{merchant}"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
