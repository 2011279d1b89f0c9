"""The plain webhook that ours is compared with: public libraries, used as their documentation says, none of our code.

Where there is a choice, it takes the fast one: uvicorn with uvloop and httptools and no access log, boto3's low-level
client with a connection per thread, one server span per request (no spans of FastAPI itself or per ASGI message).
"""

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import stripe
import uvicorn
from botocore.config import Config
from fastapi import FastAPI, HTTPException, Request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

THREADS = 32
"""The maximum of asyncio's default pool; on few cores it is faster than Starlette's pool of 40."""

SECRET = os.environ["STRIPE_WEBHOOK_SECRET"]
TABLE = os.environ["DYNAMODB_PAYMENTS_TABLE"]

provider = TracerProvider(resource=Resource.create({"service.name": "plain"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
BotocoreInstrumentor().instrument()  # type: ignore[no-untyped-call]

dynamodb: "DynamoDBClient" = boto3.client(
    "dynamodb", endpoint_url=os.environ["DDB_ENDPOINT"], config=Config(max_pool_connections=THREADS)
)
app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False})
FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])


@app.post("/webhook/stripe")
async def stripe_webhook(request: Request) -> dict[str, bool]:
    payload = await request.body()
    try:
        event = stripe.Webhook.construct_event(payload, request.headers.get("stripe-signature"), SECRET)
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise HTTPException(400, "invalid signature or payload") from error
    if event.type == "checkout.session.completed":
        session = event.data.object
        await asyncio.to_thread(complete, session.client_reference_id, session.payment_intent)
    return {"received": True}


def complete(payment_id: str, payment_intent: str) -> None:
    now = datetime.now(UTC).isoformat()
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(
            TableName=TABLE,
            Key={"payment_intent_id": {"S": payment_id}},
            UpdateExpression=(
                "SET payment_status = :completed, stripe_payment_intent = :intent, "
                "updated_at = :now, webhook_processed_at = :now"
            ),
            ConditionExpression="attribute_exists(payment_intent_id) AND payment_status <> :completed",
            ExpressionAttributeValues={
                ":completed": {"S": "completed"},
                ":intent": {"S": payment_intent},
                ":now": {"S": now},
            },
        )


@app.get("/readyz")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
