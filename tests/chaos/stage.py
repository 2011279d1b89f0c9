"""One run's own processes: the emulator, the webhook, the table they meet at; what goes wrong is runs.py's."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import boto3
import httpx

from lea_payments.settings import TableSettings
from lea_payments.store import connection, table
from lea_payments.stripe.events import TRANSLATORS
from tests.chaos.truth import Json, Stripe
from tests.support.parts import Part, Parts
from tests.support.scraped import Scraped

SECRET = "whsec_of_the_chaos"
KEY = "sk_test_chaos"
STALLED_SECONDS = 120
"""Nothing new in so long means that something hangs: the run gives up rather than wait for ever."""


class Stalled(Exception):  # noqa: N818 - it is a verdict
    """Raised when deliveries make no progress although nothing is wrong any more."""


class Sent(NamedTuple):
    """How the emulator's deliveries stand."""

    attempts: int
    waiting: int
    answered: int
    gone: int


class Stage:
    """The processes of one run. `dynamodb` is the real one's address; `seen_at` is where the webhook looks for it."""

    def __init__(self, folder: Path, free_port: Callable[[], int], dynamodb: str, seen_at: str | None = None) -> None:
        folder.mkdir()
        self._folder = folder
        self.port, self._metrics_port = free_port(), free_port()
        self._table = TableSettings.model_validate(
            {"DDB_ENDPOINT": dynamodb, "DYNAMODB_PAYMENTS_TABLE": f"chaos-{folder.name}"}
        )
        self.table = boto3.resource(
            "dynamodb",
            endpoint_url=dynamodb,
            region_name=self._table.aws_region,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        ).Table(self._table.table)
        self._environment = {"DDB_ENDPOINT": seen_at or dynamodb, "DYNAMODB_PAYMENTS_TABLE": self._table.table}
        self._stack = ExitStack()
        self._parts = self._stack.enter_context(Parts(folder, free_port, self._environment))
        self._webhook: Part | None = None
        self._logs: set[Path] = set()

    def __enter__(self) -> Self:
        client = connection.client(self._table)
        table.ensure(client, self._table)
        client.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.table.meta.client.close()

    def start_emulator(self, **environment: str) -> None:
        """The emulator, which tells the webhook of the events we use and retries without patience."""
        defaults = {
            "EMULATOR_WEBHOOK_URL": f"http://127.0.0.1:{self.port}/webhook/stripe",
            "EMULATOR_WEBHOOK_SECRET": SECRET,
            "EMULATOR_RETRY_BASE_SECONDS": "0.2",
            "EMULATOR_RETRY_ATTEMPTS": "1000000",
            "LOG_LEVEL": "warning",
        }
        part = self._parts.start("stripe-emulator", **defaults | environment)
        self.stripe_url = part.url
        self.stripe = httpx.AsyncClient(
            base_url=part.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=60, trust_env=False
        )
        with httpx.Client(base_url=part.url, headers=self.stripe.headers, timeout=60, trust_env=False) as client:
            self.endpoint = client.get("/v1/webhook_endpoints").json()["data"][0]["id"]
            wanted = {f"enabled_events[{place}]": name for place, name in enumerate(TRANSLATORS)}
            client.post(f"/v1/webhook_endpoints/{self.endpoint}", data=wanted).raise_for_status()

    def start_webhook(self, **environment: str) -> None:
        """The webhook, at the same address each time."""
        secrets = {} if "STRIPE_WEBHOOK_SECRET_FILE" in environment else {"STRIPE_WEBHOOK_SECRET": SECRET}
        ports = {"PORT": str(self.port), "METRICS_PORT": str(self._metrics_port)}
        self._webhook = self._parts.start("webhook", ready_at="/livez", **secrets | ports | environment)
        self._logs.add(self._webhook.log)

    def kill_webhook(self) -> None:
        """SIGKILL: no last word, no clean end."""
        assert self._webhook is not None
        self._webhook.process.kill()
        self._webhook.process.wait()

    def stop_webhook(self) -> None:
        """As Kubernetes stops it."""
        assert self._webhook is not None
        self._webhook.stop()

    def reconcile(self) -> int:
        """One run of the reconciler; how many changes it says it made."""
        keys = {"STRIPE_SECRET_KEY": KEY, "STRIPE_API_BASE": self.stripe_url, "METRICS_PORT": "0"}
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
        run = subprocess.run(
            [sys.executable, "-m", "lea_payments", "reconciler", "--once"],
            cwd=self._folder,
            env=environment | self._environment | keys,
            capture_output=True,
            text=True,
            check=False,
        )
        with (self._folder / "reconciler.log").open("a") as log:
            log.write(run.stdout + run.stderr)
        if run.returncode:
            raise RuntimeError(f"the reconciler ended with {run.returncode}: {run.stderr}")
        return int(run.stderr.split(" changes made")[0].rpartition(" ")[2])

    def metrics(self) -> Scraped:
        """The webhook's own figures, which begin anew with each start."""
        return Scraped.of(f"http://127.0.0.1:{self._metrics_port}")

    def refusals(self, reason: str) -> float:
        """How many deliveries the webhook has refused for this reason."""
        return self.metrics().value("payments_webhook_signature_failures_total", reason=reason) or 0

    async def change_secrets(self, file: Path, secrets: Sequence[str]) -> None:
        """Other secrets are mounted; returns when the webhook has noticed, which takes a delivery."""
        before = self.said("signing_secrets_read")
        fresh = file.with_suffix(".fresh")
        fresh.write_text("\n".join(secrets))
        fresh.replace(file)
        newest = (await self.stripe.get("/v1/events", params={"type": "checkout.session.*", "limit": "1"})).json()
        while self.said("signing_secrets_read") == before:
            (await self.stripe.post(f"/_events/{newest['data'][0]['id']}/resend")).raise_for_status()
            await asyncio.sleep(0.2)

    def put(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Records as a caller without the checkout API puts them."""
        with self.table.batch_writer() as batch:
            for record in records:
                batch.put_item(Item=dict(record))

    def records(self) -> dict[str, Mapping[str, Any]]:
        """The whole table."""
        found: dict[str, Mapping[str, Any]] = {}
        pages = self.table.meta.client.get_paginator("scan").paginate(TableName=self.table.name, ConsistentRead=True)
        for page in pages:
            found |= {str(item["payment_intent_id"]): item for item in page["Items"]}
        return found

    async def set_faults(self, **faults: Any) -> None:
        """Let these things go wrong with deliveries from now on, and nothing else."""
        (await self.stripe.put("/_faults", json=faults)).raise_for_status()

    async def sign_with(self, *secrets: str) -> None:
        """Stripe signs with these from now on, one `v1` each."""
        path = f"/_webhook_endpoints/{self.endpoint}/secrets"
        (await self.stripe.put(path, json={"secrets": secrets})).raise_for_status()

    async def retry_now(self) -> None:
        """All that waits for its next attempt is due."""
        (await self.stripe.post("/_deliveries/retry")).raise_for_status()

    async def sent(self) -> Sent:
        """How the deliveries stand now."""
        answer = (await self.stripe.get("/_deliveries", params={"event": "none"})).json()
        states = answer["states"]
        waiting = states["held"] + states["waiting"]
        return Sent(answer["attempts"], waiting, states["delivered"], states["dropped"] + states["failed"])

    async def settled(self) -> Sent:
        """Waits until every delivery has come to its end, retrying without pause; raises Stalled."""
        last, since = await self.sent(), time.monotonic()
        while last.waiting:
            await self.retry_now()
            await asyncio.sleep(0.3)
            now = await self.sent()
            if now.waiting != last.waiting:
                since = time.monotonic()
            if time.monotonic() - since > STALLED_SECONDS:
                raise Stalled(f"{now.waiting} deliveries get no 2xx, the last for {STALLED_SECONDS} s")
            last = now
        return last

    async def truth(self) -> Stripe:
        """All that Stripe knows, by its own API."""
        used = {f"types[{place}]": name for place, name in enumerate(TRANSLATORS)}
        return Stripe(
            sessions=await _all(self.stripe, "checkout/sessions"),
            intents=await _all(self.stripe, "payment_intents"),
            charges=await _all(self.stripe, "charges"),
            refunds=await _all(self.stripe, "refunds"),
            disputes=await _all(self.stripe, "disputes"),
            event_ids=frozenset(event["id"] for event in await _all(self.stripe, "events", **used)),
        )

    def said(self, event: str) -> int:
        """How often the webhook has logged this."""
        return sum(line.get("event") == event for log in self._logs for line in _lines(log))

    def told(self) -> Counter[str]:
        """What the webhook said it did, by outcome, over all its lives; a killed one takes its last words with it."""
        return Counter(line["outcome"] for log in self._logs for line in _lines(log) if line.get("event") == "webhook")


async def _all(stripe: httpx.AsyncClient, kind: str, **params: str) -> list[Json]:
    found: list[Json] = []
    more = True
    while more:
        after = {"starting_after": found[-1]["id"]} if found else {}
        page = (await stripe.get(f"/v1/{kind}", params={"limit": "100", **params, **after})).json()
        found += page["data"]
        more = page["has_more"]
    return found[::-1]


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:  # cut off by a kill
                continue
