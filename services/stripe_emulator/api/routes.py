"""Maps the routes of Stripe's API v1 to their endpoints."""

from fastapi import FastAPI

from stripe_emulator.api.handler import handler
from stripe_emulator.calls.call import ApiCall, Endpoint
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json
from stripe_emulator.v1 import (
    catalog,
    customers,
    disputes,
    early_fraud_warnings,
    events,
    payment_intents,
    payment_methods,
    refunds,
    subscriptions,
    webhook_endpoints,
)
from stripe_emulator.v1.checkout import payment_pages, sessions

ROUTES: list[tuple[str, str, Endpoint]] = [
    ("POST", "/products", catalog.create_product),
    ("GET", "/products", catalog.list_products),
    ("GET", "/products/{id}", catalog.retrieve_product),
    ("POST", "/products/{id}", catalog.update_product),
    ("POST", "/prices", catalog.create_price),
    ("GET", "/prices", catalog.list_prices),
    ("GET", "/prices/{id}", catalog.retrieve_price),
    ("POST", "/prices/{id}", catalog.update_price),
    ("POST", "/customers", customers.create),
    ("GET", "/customers", customers.list_all),
    ("GET", "/customers/{id}", customers.retrieve),
    ("POST", "/customers/{id}", customers.update),
    ("GET", "/customers/{id}/payment_methods", payment_methods.list_all),
    ("POST", "/checkout/sessions", sessions.create),
    ("GET", "/checkout/sessions", sessions.list_all),
    ("GET", "/checkout/sessions/{id}", sessions.retrieve),
    ("POST", "/checkout/sessions/{id}", sessions.update),
    ("POST", "/checkout/sessions/{id}/expire", sessions.expire),
    ("GET", "/checkout/sessions/{id}/line_items", sessions.line_items),
    ("GET", "/payment_pages/{id}", payment_pages.retrieve),
    ("POST", "/payment_pages/{id}/confirm", payment_pages.confirm),
    ("POST", "/payment_intents", payment_intents.create),
    ("GET", "/payment_intents", payment_intents.list_all),
    ("GET", "/payment_intents/{id}", payment_intents.retrieve),
    ("POST", "/payment_intents/{id}", payment_intents.update),
    ("POST", "/payment_intents/{id}/confirm", payment_intents.confirm),
    ("POST", "/payment_intents/{id}/cancel", payment_intents.cancel),
    ("GET", "/charges", payment_intents.list_charges),
    ("GET", "/charges/{id}", payment_intents.retrieve_charge),
    ("POST", "/payment_methods", payment_methods.create),
    ("GET", "/payment_methods", payment_methods.list_all),
    ("GET", "/payment_methods/{id}", payment_methods.retrieve),
    ("POST", "/payment_methods/{id}/attach", payment_methods.attach),
    ("POST", "/payment_methods/{id}/detach", payment_methods.detach),
    ("POST", "/refunds", refunds.create),
    ("GET", "/refunds", refunds.list_all),
    ("GET", "/refunds/{id}", refunds.retrieve),
    ("POST", "/refunds/{id}", refunds.update),
    ("POST", "/refunds/{id}/cancel", refunds.cancel),
    ("GET", "/disputes", disputes.list_all),
    ("GET", "/disputes/{id}", disputes.retrieve),
    ("POST", "/disputes/{id}", disputes.update),
    ("POST", "/disputes/{id}/close", disputes.close),
    ("GET", "/radar/early_fraud_warnings", early_fraud_warnings.list_all),
    ("GET", "/radar/early_fraud_warnings/{id}", early_fraud_warnings.retrieve),
    ("GET", "/setup_intents", subscriptions.list_setup_intents),
    ("GET", "/setup_intents/{id}", subscriptions.retrieve_setup_intent),
    ("GET", "/subscriptions", subscriptions.list_all),
    ("GET", "/subscriptions/{id}", subscriptions.retrieve),
    ("GET", "/events", events.list_all),
    ("GET", "/events/{id}", events.retrieve),
    ("POST", "/events/{id}/retry", events.retry),
    ("POST", "/webhook_endpoints", webhook_endpoints.create),
    ("GET", "/webhook_endpoints", webhook_endpoints.list_all),
    ("GET", "/webhook_endpoints/{id}", webhook_endpoints.retrieve),
    ("POST", "/webhook_endpoints/{id}", webhook_endpoints.update),
    ("DELETE", "/webhook_endpoints/{id}", webhook_endpoints.delete),
]


def add_routes(app: FastAPI) -> None:
    """Add everything under `/v1`."""
    for method, path, endpoint in ROUTES:
        app.add_api_route(
            f"/v1{path}", handler(endpoint), methods=[method], name=f"{method} {path}", include_in_schema=False
        )
    every = ["GET", "POST", "DELETE", "PUT", "PATCH"]
    app.add_api_route("/v1/{rest:path}", handler(_unknown_url), methods=every, include_in_schema=False)


def _unknown_url(_account: object, call: ApiCall) -> Json:
    raise StripeApiError(f"Unrecognized request URL ({call.path}).", status=404)
