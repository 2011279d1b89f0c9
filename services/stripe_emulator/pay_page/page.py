"""Serves the hosted pay page, `/c/pay/{session}`."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import FastAPI, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stripe_emulator.emulator import Current, Emulator
from stripe_emulator.pay_page import payment
from stripe_emulator.pay_page.payment import PaymentForm
from stripe_emulator.payments import checkout, recovery
from stripe_emulator.payments.authentication import PAGE
from stripe_emulator.reference import cards, money
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json

TEMPLATES = Path(__file__).parent / "templates"
PAGES = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
PAY_PAGE = PAGES.get_template("pay.html.j2")
STYLE = (TEMPLATES / "pay.css").read_bytes()
URL_SAFE = ":/%#?=@[]!$&'()*+,;~"
# The fields of the page by Stripe's parameter.
FIELDS = {
    "number": "cardnumber",
    "exp_month": "expiry",
    "exp_year": "expiry",
    **{name: name for name in ("cvc", "email", "outcome", "after_seconds")},
}
CLOSED = {
    "complete": ("You have already paid", "This payment is complete. You can close this page.", 200),
    "expired": ("This link has expired", "Nothing was charged. Go back to the merchant for a new link.", 410),
    "missing": ("No such payment", "There is no payment at this address. Please check the link.", 404),
}


def add_routes(app: FastAPI) -> None:
    """Add the page and its stylesheet."""
    app.add_api_route("/c/pay/{session_id}", show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/c/pay/{session_id}", submit, methods=["POST"], include_in_schema=False)
    app.add_api_route("/c/pay.css", stylesheet, methods=["GET"], include_in_schema=False)
    app.add_api_route("/r/{token}", recover, methods=["GET"], include_in_schema=False)


async def show(emulator: Current, session_id: str) -> Response:
    """Show the page."""
    session = _session(emulator, session_id)
    if session is None or session["status"] != "open":
        return closed(session)
    return open_page(emulator, session, PaymentForm.model_validate(emulator.account.store.orders[session_id].typed))


async def submit(request: Request, emulator: Current, session_id: str) -> Response:
    """Pay, and send the customer back to the merchant. After an error, show the page again with the reason."""
    session, form = _session(emulator, session_id), read_form(await request.body())
    if session is None or session["status"] == "expired":
        return closed(session)
    if session["status"] == "open":
        if problems := payment.problems(emulator, session, form):
            return open_page(emulator, session, form, problems)
        try:
            payment.pay(emulator, session, form)
        except StripeApiError as error:
            return open_page(emulator, session, form, [error])
        if page := _authentication_page(emulator, session):
            return redirect(page, session["success_url"])
    return await leave(emulator, session)


async def leave(emulator: Emulator, session: Json) -> Response:
    """Send the customer of a complete session back, after the merchant has answered the event."""
    await payment.wait_for_merchant(emulator, session)
    return redirect(checkout.success_url(session), session["success_url"])


async def recover(emulator: Current, token: str) -> Response:
    """Create a new session in place of the expired one, and send the customer to its page."""
    session = recovery.recover(emulator.account, token)
    if session is None:
        return closed(None)
    return redirect(session["url"], session["success_url"])


async def stylesheet() -> Response:
    """Return the stylesheet."""
    return Response(STYLE, media_type="text/css")


def read_form(body: bytes) -> PaymentForm:
    """Return the fields that the browser posted."""
    return PaymentForm.model_validate(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))


def open_page(
    emulator: Emulator, session: Json, form: PaymentForm, problems: Sequence[StripeApiError] = ()
) -> Response:
    """Return the page of an open session, with what was typed and what is wrong with it."""
    currency, kinds = session["currency"], session["payment_method_types"]
    items = [
        item | {"shown_amount": money.formatted(item["amount_total"], currency)}
        for item in emulator.account.store.orders[session["id"]].items
    ]
    text = PAY_PAGE.render(
        state="open",
        title=_title(session),
        needs_method=checkout.needs_method(session),
        session=session,
        cancel_url=checkout.cancel_url(session),
        items=items,
        form=form,
        problems={FIELDS.get(problem.param or "", "form"): problem for problem in reversed(problems)},
        first=problems[0] if problems else None,
        authentication=_authentication_page(emulator, session),
        card="card" in kinds,
        delayed=any(kind in cards.DELAYED_KINDS for kind in kinds),
    )
    return html(text, problems[0].status if problems else 200, session["success_url"])


def closed(session: Json | None) -> Response:
    """Return the page of a session that is complete or expired, or that does not exist."""
    state = session["status"] if session else "missing"
    title, text, status = CLOSED[state]
    link = None
    if session:
        link = checkout.success_url(session) if state == "complete" else checkout.cancel_url(session)
    rendered = PAY_PAGE.render(state=state, title=title, text=text, link=link)
    return html(rendered, status, session["success_url"] if session else None)


def html(text: str, status: int, merchant_url: str | None) -> Response:
    """Return a page whose form may lead to the merchant."""
    return Response(text, status, _headers(merchant_url), "text/html")


def redirect(url: str, merchant_url: str) -> Response:
    """Send the customer to another page."""
    return Response(status_code=303, headers={"Location": quote(url, safe=URL_SAFE)} | _headers(merchant_url))


def _session(emulator: Emulator, session_id: str) -> Json | None:
    return emulator.account.store.tables["checkout.session"].get(session_id)


def _authentication_page(emulator: Emulator, session: Json) -> str | None:
    """Return the address of the page that the session waits for, if the customer must authenticate."""
    intent = checkout.intent_of(emulator.account, session)
    return f"{PAGE}/{intent['id']}" if intent and intent["status"] == "requires_action" else None


def _title(session: Json) -> str:
    if session["mode"] == "setup":
        return "Save payment method"
    return f"Pay {money.formatted(session['amount_total'], session['currency'])}"


def _headers(merchant_url: str | None) -> dict[str, str]:
    # form-action also restricts the redirect after the form, so it must contain the merchant's origin.
    merchant = ""
    if merchant_url:
        parts = urlsplit(merchant_url)
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
