"""A stand-in for Stripe in development and tests; knows nothing of lea_payments.

Three ways in, all on one port (8087):

- `/v1/…` is Stripe's API: products, prices, customers, checkout sessions, payment intents and methods, charges,
  refunds, disputes, events, webhook endpoints. The official packages and the official command line work unchanged.
- `/c/pay/{session}` is the hosted pay page; `pay_page.py` lists its fields and labels.
- `/_…` are controls that Stripe does not have, in JSON:

  - `POST /_pay/{session}` pays from a command line: `{"card": "4242424242424242", "expiry": "12/34", "cvc": "123",
    "email": …}`, all optional, or `{"method": "delayed", "outcome": "succeeded"|"failed", "after_seconds": 5}`;
    `"wait": false` returns before the merchant has answered. Gives `status`, `payment_status`, `payment_intent`,
    `redirect_url`, `merchant_answered`; 402 with Stripe's error when declined.
  - `GET|PUT|DELETE /_faults`: see `faults.py`. `{"delay_seconds": 2, "duplicate": 1, "drop": 0.1, "seed": 1,
    "reorder": {"hold": 5, "seed": 1, "release_after_seconds": 3}, "per_type": {"charge.refunded": {"drop": true}},
    "api_error": {"status": 500 | "drop": "request"|"response" | "delay_seconds": 3, "probability": 0.5, "times": 2,
    "path": "/v1/checkout", "stored": false}, "clock_seconds": 600}`, any part of it; PUT replaces the whole.
  - `GET /_deliveries`, `?event=`, `?type=`, `?object=`: every delivery attempt, and how many wait.
    `POST /_deliveries/retry` tries now whatever waits for its next attempt.
  - `PUT /_webhook_endpoints/{endpoint}/secrets` `{"secrets": ["whsec_new", "whsec_old"]}` rolls a signing secret.
  - `POST /_sessions/{session}/settle?result=succeeded|failed` ends a delayed payment now.
  - `POST /_disputes` `{"payment_intent": …, "reason": …, "amount": …, "inquiry": false}` and
    `POST /_disputes/{dispute}/close?status=won|lost`.
  - `POST /_refunds/{refund}/fail`, `POST /_events/{event}/resend`.
  - `POST /_advance` `{"seconds": 1800}` sets the clock ahead: sessions expire, delayed payments end.
  - `POST /_reset` forgets everything.
"""
