"""Serves the page on which the customer authenticates a payment, `/c/authenticate/{intent}`."""

from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request, Response

from stripe_emulator.emulator import Current, Emulator
from stripe_emulator.pay_page import page, payment
from stripe_emulator.pay_page.payment import PaymentForm
from stripe_emulator.payments.authentication import PAGE
from stripe_emulator.reference import money
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json

RESULTS = ("succeeded", "failed")
BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
ENDED = {
    "succeeded": ("Authentication complete", "The payment method is authenticated. You can close this page."),
    "failed": ("Authentication failed", "Nothing was charged. Go back to the merchant to try another payment method."),
}


def add_routes(app: FastAPI) -> None:
    """Add the page."""
    app.add_api_route(f"{PAGE}/{{intent_id}}", show, methods=["GET"], include_in_schema=False)
    app.add_api_route(f"{PAGE}/{{intent_id}}", submit, methods=["POST"], include_in_schema=False)


async def show(emulator: Current, intent_id: str) -> Response:
    """Show the page, or where the payment stands if nothing waits for an authentication."""
    intent = _intent(emulator, intent_id)
    if intent and intent["status"] == "requires_action":
        return _page(emulator, intent)
    return _ended(emulator, intent)


async def submit(request: Request, emulator: Current, intent_id: str) -> Response:
    """End the authentication and send the customer back: to the merchant, or to the pay page after a failure."""
    intent = _intent(emulator, intent_id)
    if intent is None or intent["status"] != "requires_action":
        return _ended(emulator, intent)
    fields = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    if (result := fields.get("result")) not in RESULTS:
        return _page(emulator, intent, 400)
    return_url, session = _return_url(intent), _session(emulator, intent)
    try:
        payment.authenticate(emulator, intent, result)
    except StripeApiError as error:
        if session:
            form = PaymentForm.model_validate(emulator.account.store.orders[session["id"]].typed)
            return page.open_page(emulator, session, form, [error])
        return _back(intent, return_url, "failed")
    return await page.leave(emulator, session) if session else _back(intent, return_url, "succeeded")


def _page(emulator: Emulator, intent: Json, status: int = 200) -> Response:
    method = emulator.account.store.get("payment_method", intent["payment_method"])
    amount = money.formatted(intent["amount"], intent["currency"]) if intent["object"] == "payment_intent" else None
    session = _session(emulator, intent)
    html = page.PAGES.get_template("authenticate.html.j2").render(
        title="Authenticate your payment" if amount else "Authenticate your card",
        amount=amount,
        brand=BRANDS.get(method["card"]["brand"], "test"),
        last4=method["card"]["last4"],
        is_repeated=status != 200,
        pay_page=f"/c/pay/{session['id']}" if session else None,
    )
    return page.html(html, status, session["success_url"] if session else _return_url(intent))


def _ended(emulator: Emulator, intent: Json | None) -> Response:
    """Answer for an intent that does not wait for an authentication."""
    session = _session(emulator, intent) if intent else None
    if session and session["status"] == "open":
        return Response(status_code=303, headers={"Location": f"/c/pay/{session['id']}"})
    if session or intent is None:
        return page.closed(session)
    return _notice("succeeded" if intent["status"] in ("succeeded", "processing") else "failed")


def _back(intent: Json, return_url: str | None, result: str) -> Response:
    """Send the customer of a payment without a session to its return URL, as Stripe does."""
    if return_url is None:
        return _notice(result)
    named = {intent["object"]: intent["id"], f"{intent['object']}_client_secret": intent["client_secret"]}
    query = urlencode(named | {"redirect_status": result})
    separator = "&" if "?" in return_url else "?"
    return page.redirect(f"{return_url}{separator}{query}", return_url)


def _notice(result: str) -> Response:
    title, text = ENDED[result]
    return page.html(page.PAY_PAGE.render(state=result, title=title, text=text, link=None), 200, None)


def _intent(emulator: Emulator, intent_id: str) -> Json | None:
    tables = emulator.account.store.tables
    return tables["payment_intent"].get(intent_id) or tables["setup_intent"].get(intent_id)


def _session(emulator: Emulator, intent: Json) -> Json | None:
    session_id = emulator.account.store.session_of.get(intent["id"])
    return emulator.account.store.get("checkout.session", session_id) if session_id else None


def _return_url(intent: Json) -> str | None:
    url: str | None = (intent["next_action"] or {}).get("redirect_to_url", {}).get("return_url")
    return url
