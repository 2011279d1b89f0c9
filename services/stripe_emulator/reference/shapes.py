"""Lists the fields and default values of every Stripe object that the emulator creates."""

from typing import Any

Json = dict[str, Any]
API_VERSION = "2026-10-28.endive"


def _null(names: str) -> Json:
    return dict.fromkeys(names.split())


ADDRESS = _null("city country line1 line2 postal_code state")
BILLING_DETAILS: Json = {"address": ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}

# Fields that are always null here are listed too, because Stripe sends them.
SHAPES: dict[str, Json] = {
    "product": {"object": "product", "active": True, "created": 0, "images": [], "livemode": False}
    | {"marketing_features": [], "metadata": {}, "name": "", "type": "service", "updated": 0}
    | _null("default_price description package_dimensions shippable statement_descriptor tax_code unit_label url"),
    "price": {"object": "price", "active": True, "billing_scheme": "per_unit", "created": 0, "currency": ""}
    | {"livemode": False, "metadata": {}, "product": "", "tax_behavior": "unspecified", "type": "one_time"}
    | _null("custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity unit_amount")
    | _null("unit_amount_decimal"),
    "customer": {"object": "customer", "balance": 0, "created": 0, "delinquent": False, "livemode": False}
    | {"invoice_prefix": "EMULATOR", "metadata": {}, "next_invoice_sequence": 1, "preferred_locales": []}
    | {"invoice_settings": _null("custom_fields default_payment_method footer rendering_options")}
    | _null("address currency default_source description discount email name phone shipping test_clock")
    | {"tax_exempt": "none"},
    "checkout.session": {"object": "checkout.session", "amount_subtotal": 0, "amount_total": 0, "created": 0}
    | {"adaptive_pricing": {"enabled": False}, "currency": "", "custom_fields": [], "discounts": []}
    | {"automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None}}
    | {"custom_text": _null("after_submit shipping_address submit terms_of_service_acceptance")}
    | {"customer_creation": "if_required", "expires_at": 0, "livemode": False, "metadata": {}, "mode": "payment"}
    | {
        "invoice_creation": {
            "enabled": False,
            "invoice_data": _null("account_tax_ids custom_fields description footer issuer rendering_options")
            | {"metadata": {}},
        }
    }
    | {"payment_method_collection": "if_required", "payment_method_options": {}, "payment_method_types": []}
    | {"payment_status": "unpaid", "phone_number_collection": {"enabled": False}, "shipping_options": []}
    | {"status": "open", "ui_mode": "hosted_page"}
    | {"total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}}
    | _null("after_expiration allow_promotion_codes billing_address_collection branding_settings cancel_url")
    | _null("client_reference_id client_secret collected_information consent consent_collection locale")
    | _null("currency_conversion customer customer_account customer_details customer_email invoice origin_context")
    | _null("integration_identifier payment_intent payment_link payment_method_configuration_details permissions")
    | _null("recovered_from saved_payment_method_options setup_intent shipping_address_collection")
    | _null("shipping_cost submit_type subscription success_url url wallet_options"),
    "item": {"object": "item", "amount_discount": 0, "amount_subtotal": 0, "amount_tax": 0, "amount_total": 0}
    | {"adjustable_quantity": None, "currency": "", "description": None, "metadata": {}, "price": None}
    | {"quantity": 1},
    "payment_intent": {"object": "payment_intent", "amount": 0, "amount_capturable": 0, "amount_received": 0}
    | {"amount_details": {"tip": {}}, "capture_method": "automatic_async", "confirmation_method": "automatic"}
    | {"client_secret": None, "created": 0, "currency": "", "livemode": False, "metadata": {}}
    | {"payment_method_options": {}, "payment_method_types": [], "status": "requires_payment_method"}
    | _null("application application_fee_amount automatic_payment_methods canceled_at cancellation_reason")
    | _null("customer customer_account description excluded_payment_method_types last_payment_error")
    | _null("latest_charge next_action on_behalf_of payment_method payment_method_configuration_details processing")
    | _null("receipt_email review setup_future_usage shipping source statement_descriptor")
    | _null("statement_descriptor_suffix transfer_data transfer_group"),
    "payment_method": {"object": "payment_method", "allow_redisplay": "unspecified", "created": 0}
    | {"billing_details": BILLING_DETAILS, "customer": None, "customer_account": None, "livemode": False}
    | {"metadata": {}, "type": "card"},
    "charge": {"object": "charge", "amount": 0, "amount_captured": 0, "amount_refunded": 0, "captured": True}
    | {"billing_details": BILLING_DETAILS, "calculated_statement_descriptor": "EMULATOR", "created": 0}
    | {"currency": "", "disputed": False, "fraud_details": {}, "livemode": False, "metadata": {}, "paid": True}
    | {"payment_method_details": None, "radar_options": {}, "refunded": False, "status": "succeeded"}
    | _null("application application_fee application_fee_amount balance_transaction customer description")
    | _null("failure_balance_transaction failure_code failure_message on_behalf_of outcome payment_intent")
    | _null("payment_method receipt_email receipt_number receipt_url review shipping source source_transfer")
    | _null("statement_descriptor statement_descriptor_suffix transfer_data transfer_group"),
    "refund": {"object": "refund", "amount": 0, "created": 0, "currency": "", "metadata": {}, "status": None}
    | {"destination_details": {"type": "card", "card": {"reference_status": "pending", "type": "refund"}}}
    | _null("balance_transaction charge payment_intent reason receipt_number source_transfer_reversal")
    | _null("transfer_reversal"),
    "dispute": {"object": "dispute", "amount": 0, "balance_transactions": [], "charge": "", "created": 0}
    | {"currency": "", "enhanced_eligibility_types": [], "evidence": {}, "is_charge_refundable": False}
    | {
        "evidence_details": {"due_by": None, "enhanced_eligibility": {}, "has_evidence": False}
        | {"past_due": False, "submission_count": 0}
    }
    | {"livemode": False, "metadata": {}, "network_reason_code": "10.4", "payment_intent": None}
    | {"payment_method_details": {"type": "card", "card": {"brand": "visa", "case_type": "chargeback"}}}
    | {"reason": "fraudulent", "status": "needs_response"},
    "radar.early_fraud_warning": {"object": "radar.early_fraud_warning", "actionable": True, "charge": "", "created": 0}
    | {"fraud_type": "made_with_stolen_card", "livemode": False, "payment_intent": None},
    "setup_intent": {"object": "setup_intent", "client_secret": None, "created": 0, "livemode": False, "metadata": {}}
    | {"flow_directions": None, "payment_method_options": {}, "payment_method_types": [], "usage": "off_session"}
    | _null("application automatic_payment_methods cancellation_reason customer customer_account description")
    | _null("last_setup_error latest_attempt mandate next_action on_behalf_of payment_method single_use_mandate")
    | {"status": "requires_payment_method"},
    "subscription": {"object": "subscription", "automatic_tax": {"enabled": False, "liability": None}, "created": 0}
    | {"billing_cycle_anchor": 0, "billing_mode": {"type": "flexible"}, "billing_schedules": [], "currency": ""}
    | {"cancel_at_period_end": False, "collection_method": "charge_automatically", "customer": "", "discounts": []}
    | {"default_tax_rates": [], "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}}, "items": {}}
    | {"livemode": False, "metadata": {}, "start_date": 0, "status": "active"}
    | {"trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}}}
    | _null("application application_fee_percent billing_thresholds cancel_at canceled_at customer_account")
    | _null("cancellation_details days_until_due default_payment_method default_source description ended_at")
    | _null("latest_invoice next_pending_invoice_item_invoice on_behalf_of pause_collection payment_settings")
    | _null("pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock transfer_data")
    | _null("trial_end trial_start"),
    "subscription_item": {"object": "subscription_item", "billing_thresholds": None, "created": 0, "discounts": []}
    | {"current_period_end": 0, "current_period_start": 0, "metadata": {}, "plan": {}, "price": {}, "quantity": 1}
    | {"subscription": "", "tax_rates": []},
    "event": {"object": "event", "api_version": API_VERSION, "created": 0, "data": {}, "livemode": False}
    | {"pending_webhooks": 0, "request": {"id": None, "idempotency_key": None}, "type": ""},
    "webhook_endpoint": {"object": "webhook_endpoint", "api_version": None, "application": None, "created": 0}
    | {"description": None, "enabled_events": ["*"], "livemode": False, "metadata": {}, "status": "enabled"}
    | {"url": ""},
}
PREFIXES = {
    "product": "prod", "price": "price", "customer": "cus", "checkout.session": "cs_test", "item": "li",
    "payment_intent": "pi", "payment_method": "pm", "charge": "ch", "refund": "re", "dispute": "du",
    "radar.early_fraud_warning": "issfr", "setup_intent": "seti", "subscription": "sub",
    "subscription_item": "si", "event": "evt", "webhook_endpoint": "we",
}  # fmt: skip
ID_LENGTHS = {"cs_test": 58, "prod": 14, "cus": 14}
