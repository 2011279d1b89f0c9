"""Starts and controls the processes of one run: the emulator, the webhook and their table."""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import boto3
import httpx

from lea_payments.settings import TableSettings
from lea_payments.stripe.events import EVENT_TYPES
from tests.support import tables
from tests.support.json_lines import json_lines
from tests.support.scrape import Scrape
from tests.support.secrets import signing_secret
from tests.support.services import Services

if TYPE_CHECKING:
    from tests.support.processes import Process

SECRET = signing_secret("chaos")
KEY = "sk_test_chaos"
RECONCILER_RUNS = 5
"""The number of runs after which a reconciler has to be complete."""

STALLED_SECONDS = 120
"""After this time without progress the run fails, because something hangs."""


class StalledError(Exception):
    """Raised when deliveries make no progress although no fault is active."""


class DeliveryCounts(NamedTuple):
    """The emulator's deliveries by state: `answered` have a 2xx, `lost` are never attempted again."""

    attempts: int
    waiting: int
    answered: int
    lost: int


class System:
    """The processes of one run. `dynamodb` is the address of the database; `proxy` is what the webhook uses instead."""

    def __init__(self, folder: Path, free_port: Callable[[], int], dynamodb: str, proxy: str | None = None) -> None:
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
        self._environment = {"DDB_ENDPOINT": proxy or dynamodb, "DYNAMODB_PAYMENTS_TABLE": self._table.table}
        self._stack = ExitStack()
        self._services = self._stack.enter_context(Services(folder, free_port, self._environment))
        self._webhook: Process | None = None

    def __enter__(self) -> Self:
        client = tables.client(self._table)
        tables.create(client, self._table)
        client.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.table.meta.client.close()

    def start_emulator(self, **environment: str) -> None:
        """Starts the emulator, which sends the webhook the events that it uses and retries quickly."""
        defaults = {
            "EMULATOR_WEBHOOK_URL": f"http://127.0.0.1:{self.port}/webhook/stripe",
            "EMULATOR_WEBHOOK_SECRET": SECRET,
            "EMULATOR_RETRY_BASE_SECONDS": "0.2",
            "EMULATOR_RETRY_ATTEMPTS": "1000000",
            "LOG_LEVEL": "warning",
        }
        emulator = self._services.start("stripe-emulator", **defaults | environment)
        self.stripe_url = emulator.url
        self.stripe = httpx.AsyncClient(
            base_url=emulator.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=60, trust_env=False
        )
        with httpx.Client(base_url=emulator.url, headers=self.stripe.headers, timeout=60, trust_env=False) as client:
            self.endpoint = client.get("/v1/webhook_endpoints").json()["data"][0]["id"]
            enabled = {f"enabled_events[{index}]": name for index, name in enumerate(EVENT_TYPES)}
            client.post(f"/v1/webhook_endpoints/{self.endpoint}", data=enabled).raise_for_status()

    def start_webhook(self, **environment: str) -> None:
        """Starts the webhook, always at the same address."""
        secrets = {} if "STRIPE_WEBHOOK_SECRET_FILE" in environment else {"STRIPE_WEBHOOK_SECRET": SECRET}
        ports = {"PORT": str(self.port), "METRICS_PORT": str(self._metrics_port)}
        self._webhook = self._services.start("webhook", ready_at="/livez", **secrets | ports | environment)

    def kill_webhook(self) -> None:
        """Kills the webhook with SIGKILL."""
        assert self._webhook is not None
        self._webhook.process.kill()
        self._webhook.process.wait()

    def stop_webhook(self) -> None:
        """Stops the webhook with SIGTERM, as Kubernetes does."""
        assert self._webhook is not None
        self._webhook.stop()

    def reconcile(self) -> int:
        """Runs the reconciler until a run is complete, as the service does; returns the number of reported changes."""
        results = [self._run_reconciler()]
        while results[-1]["outcome"].endswith("_unavailable") and len(results) < RECONCILER_RUNS:
            results.append(self._run_reconciler())
        if results[-1]["outcome"] != "ok":
            raise RuntimeError(f"the reconciler ended with {results[-1]}: see {self._folder}")
        return sum(int(result["repaired"]) for result in results)

    def _run_reconciler(self) -> dict[str, Any]:
        """Runs the reconciler once and returns its log line about the run."""
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
        return next(line for line in json_lines(run.stdout) if "repaired" in line)

    def reconciler_retries(self) -> int:
        """The number of calls that the reconciler has repeated."""
        log = self._folder / "reconciler.log"
        return sum("retry" in line for line in json_lines(log.read_text())) if log.exists() else 0

    def metrics(self) -> Scrape:
        """The webhook's metrics since its last start."""
        return Scrape.of(f"http://127.0.0.1:{self._metrics_port}")

    def rejections(self, reason: str) -> float:
        """The number of deliveries that the webhook has rejected for this reason."""
        return self.metrics().value("payments_webhook_signature_failures_total", reason=reason) or 0

    async def change_secrets(self, file: Path, secrets: Sequence[str]) -> None:
        """Replaces the file of signing secrets, and sends deliveries until the webhook has loaded it."""
        before = self._logged("signing_secrets_loaded")
        replacement = file.with_suffix(".new")
        replacement.write_text("\n".join(secrets))
        replacement.replace(file)
        newest = (await self.stripe.get("/v1/events", params={"type": "checkout.session.*", "limit": "1"})).json()
        resend = f"/_events/{newest['data'][0]['id']}/resend"
        while self._logged("signing_secrets_loaded") == before:
            (await self.stripe.post(resend)).raise_for_status()
            await asyncio.sleep(0.2)
        # One delivery with the loaded secrets, even if no customer acts before the next change.
        (await self.stripe.post(resend)).raise_for_status()

    def put(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Writes records, as a caller without the checkout API does."""
        with self.table.batch_writer() as batch:
            for record in records:
                batch.put_item(Item=dict(record))

    def records(self) -> dict[str, Mapping[str, Any]]:
        """All records of the table, by payment id."""
        records: dict[str, Mapping[str, Any]] = {}
        pages = self.table.meta.client.get_paginator("scan").paginate(TableName=self.table.name, ConsistentRead=True)
        for page in pages:
            records |= {str(item["payment_intent_id"]): item for item in page["Items"]}
        return records

    async def set_faults(self, **faults: Any) -> None:
        """Sets the faults of deliveries from now on; without arguments, there are none."""
        (await self.stripe.put("/_faults", json=faults)).raise_for_status()

    async def sign_with(self, *secrets: str) -> None:
        """Lets Stripe sign with these secrets from now on, with one `v1` signature for each."""
        path = f"/_webhook_endpoints/{self.endpoint}/secrets"
        (await self.stripe.put(path, json={"secrets": secrets})).raise_for_status()

    async def retry_now(self) -> None:
        """Makes every waiting delivery due now."""
        (await self.stripe.post("/_deliveries/retry")).raise_for_status()

    async def deliveries(self) -> DeliveryCounts:
        """The current counts of deliveries."""
        answer = (await self.stripe.get("/_deliveries", params={"event": "none"})).json()
        states = answer["states"]
        waiting = states["held"] + states["waiting"]
        return DeliveryCounts(answer["attempts"], waiting, states["delivered"], states["dropped"] + states["failed"])

    async def settle(self) -> DeliveryCounts:
        """Retries until no delivery waits; raises StalledError without progress."""
        last, since = await self.deliveries(), time.monotonic()
        while last.waiting:
            await self.retry_now()
            await asyncio.sleep(0.3)
            now = await self.deliveries()
            if now.waiting != last.waiting:
                since = time.monotonic()
            if time.monotonic() - since > STALLED_SECONDS:
                raise StalledError(f"{now.waiting} deliveries got no 2xx within {STALLED_SECONDS} s")
            last = now
        return last

    def _logged(self, event: str) -> int:
        return sum(line.get("event") == event for line in self._log_lines())

    def outcomes(self) -> Counter[str]:
        """The outcomes that the webhook has logged since its first start; a killed process loses its last lines."""
        return Counter(line["outcome"] for line in self._log_lines() if line.get("event") == "webhook_answered")

    def _log_lines(self) -> Iterator[dict[str, Any]]:
        if self._webhook is not None:
            yield from json_lines(self._webhook.output())
