"""Runs scenarios with both versions on one table, as during a rolling update and after a rollback."""

import json
import random
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.support.checkout_api import payment_body
from tests.upgrade.events import AMOUNT, CURRENCY, Objects
from tests.upgrade.judge import Judge
from tests.upgrade.scenarios import SCENARIOS, Scenario
from tests.upgrade.versions import NEW, OLD, UNREACHABLE, Versions, deliver

USER = "user_of_the_update"
CONCURRENT_RUNS = 0.25
BY_HAND = "by hand"


@dataclass
class Figures:
    """What a run has done, and the violations that it found."""

    scenarios: int = 0
    orders: int = 0
    deliveries: int = 0
    concurrent: int = 0
    read_after_rollback: int = 0
    violations: list[str] = field(default_factory=list)


class RollingUpdate:
    """Sends each event to a webhook of either version, and judges the record after it."""

    def __init__(self, versions: Versions, seed: int) -> None:
        self._versions = versions
        self._random = random.Random(seed)
        emulator = versions.emulator()
        self._webhooks = {name: versions.client(name, "webhook") for name in (OLD, NEW)}
        self._checkouts = {name: versions.client(name, "checkout", STRIPE_API_BASE=emulator) for name in (OLD, NEW)}
        self._offline = {name: versions.client(name, "checkout", STRIPE_API_BASE=UNREACHABLE) for name in (OLD, NEW)}
        self._pages = versions.client(OLD, "pages")
        self._statuses: dict[str, str] = {}
        self.figures = Figures()

    def run(self, orders: int) -> Figures:
        """Runs every scenario in so many orders, then reads every record with version 0.1.0."""
        for name, scenario in SCENARIOS.items():
            self.figures.scenarios += 1
            for _ in range(orders):
                self._run_one(name, scenario)
        self._read_with_show()
        return self.figures

    def _run_one(self, name: str, scenario: Scenario) -> None:
        judge = Judge(lowers_refunds=scenario.lowers_refunds)
        objects, creator = self._create(scenario)
        in_order = self._random.random() >= CONCURRENT_RUNS
        first = list(scenario.events(objects))
        self._send(first, objects.payment, judge, in_order=in_order)
        bodies = first
        if scenario.later_events is not None:
            objects, opener = self._second_link(objects, first, judge)
            creator = f"{creator}, then {opener}"
            later = list(scenario.later_events(objects))
            # Copies of the former session's events arrive once more, mixed with those of the current one.
            self._send([*later, *_without_declines(first)], objects.payment, judge, in_order=in_order)
            bodies = [*first, *later]
        self._finish(objects.payment, judge, scenario, bodies)
        self.figures.orders += 1
        self.figures.concurrent += not in_order
        self.figures.violations += [f"{name} ({objects.payment}, made by {creator}): {v}" for v in judge.violations]

    def _create(self, scenario: Scenario) -> tuple[Objects, str]:
        payment_id = f"payment_{uuid4().hex}"
        objects = Objects(payment_id, f"cs_test_{uuid4().hex}", f"pi_{uuid4().hex}")
        creator = self._random.choice([OLD, NEW] if scenario.later_events else [OLD, NEW, BY_HAND])
        if creator == BY_HAND:
            self._versions.put(_item_by_hand(objects, with_session=self._random.random() < 0.5))
            return objects, creator
        return self._open(objects, creator, "1"), creator

    def _open(self, objects: Objects, version: str, attempt: str) -> Objects:
        answer = self._checkouts[version].post("/payments", json=_order(objects)).raise_for_status().json()
        session_id = answer["payment"]["stripe_session_id"]
        return objects._replace(session=session_id, attempt=attempt if version == NEW else "")

    def _second_link(self, objects: Objects, first: Sequence[bytes], judge: Judge) -> tuple[Objects, str]:
        version = self._random.choice([OLD, NEW])
        if self._random.random() < 0.5:
            # The link cannot be created yet, and copies of the former session's events arrive meanwhile.
            self._offline[version].post("/payments", json=_order(objects))
            judge.link_opened()
            self._send(_without_declines(first), objects.payment, judge, in_order=True)
            status = self._versions.item(objects.payment)["payment_status"]["S"]
            if status != "pending":
                judge.violations.append(f"a former session's event made the new attempt {status}")
            version = self._random.choice([OLD, NEW])
        opened = self._open(objects, version, "2")
        judge.link_opened()
        return opened._replace(intent=f"{objects.intent}_2"), version

    def _send(self, bodies: Sequence[bytes], payment_id: str, judge: Judge, *, in_order: bool) -> None:
        """Delivers the events in a random order, some of them twice, each to a webhook of either version."""
        copies = [body for body in bodies if self._random.random() < 0.4]
        deliveries = [(body, self._random.choice([OLD, NEW])) for body in [*bodies, *copies]]
        self._random.shuffle(deliveries)

        def send(delivery: tuple[bytes, str]) -> None:
            body, version = delivery
            deliver(self._webhooks[version], body)
            judge.delivered(body)
            after = f"{json.loads(body)['type']} on {version}"
            judge.check(lambda: self._versions.item(payment_id), after, in_order=in_order)

        with ThreadPoolExecutor(1 if in_order else len(deliveries) or 1) as pool:
            list(pool.map(send, deliveries))
        self.figures.deliveries += len(deliveries)

    def _finish(self, payment_id: str, judge: Judge, scenario: Scenario, bodies: Sequence[bytes]) -> None:
        """Reads Stripe's objects again, as the reconciler does, and then goes back to version 0.1.0."""
        for body in bodies:
            deliver(self._webhooks[NEW], _as_listed(body))
        item = self._versions.item(payment_id)
        judge.check_final(item, scenario.status, bodies)
        judge.check(lambda: item, "the comparison with Stripe", in_order=False)
        status = self._statuses[payment_id] = item["payment_status"]["S"]
        answer = self._checkouts[OLD].get(f"/payments/{payment_id}")
        if answer.status_code != httpx.codes.OK or answer.json()["payment_status"] != status:
            judge.violations.append(f"the old checkout API answers {answer.status_code}: {answer.text}")
        if (session_id := item.get("stripe_session_id", {}).get("S")) is not None:
            page = self._pages.get("/success", params={"session_id": session_id})
            if page.status_code != httpx.codes.OK:
                judge.violations.append(f"the old success page answers {page.status_code}")
        deliver(self._webhooks[OLD], self._random.choice(list(bodies)))
        judge.check(lambda: self._versions.item(payment_id), "an event after the rollback")
        self.figures.deliveries += len(bodies) + 1

    def _read_with_show(self) -> None:
        """Reads all records with the old command `show`."""
        show = subprocess.run(
            [self._versions.versions[OLD].program, "show", "--user", USER, "--json"],
            env=self._versions.environment(),
            capture_output=True,
            check=False,
        )
        if show.returncode:
            self.figures.violations.append(f"the old show ends with {show.returncode}: {show.stderr.decode()}")
            return
        statuses = {payment["payment_intent_id"]: payment["payment_status"] for payment in json.loads(show.stdout)}
        self.figures.read_after_rollback = len(statuses)
        self.figures.violations += [
            f"the old show says {statuses.get(payment_id)} instead of {status} for {payment_id}"
            for payment_id, status in self._statuses.items()
            if statuses.get(payment_id) != status
        ]


def _order(objects: Objects) -> dict[str, Any]:
    return payment_body(payment_intent_id=objects.payment, user_id=USER, quote_id="quote_1")


def _item_by_hand(objects: Objects, *, with_session: bool) -> dict[str, Any]:
    item = {
        "payment_intent_id": {"S": objects.payment},
        "user_id": {"S": USER},
        "payment_status": {"S": "pending"},
        "amount": {"N": str(AMOUNT)},
        "currency": {"S": CURRENCY},
    }
    return item | ({"stripe_session_id": {"S": objects.session}} if with_session else {})


def _without_declines(bodies: Sequence[bytes]) -> list[bytes]:
    """Version 0.1.0 cannot tell of which attempt a decline is, so a copy of one can fail a new attempt there."""
    return [body for body in bodies if b"payment_intent.payment_failed" not in body]


def _as_listed(body: bytes) -> bytes:
    """The same object under another event id: neither version has applied it yet."""
    event = json.loads(body)
    return json.dumps(event | {"id": f"listed_{event['id']}"}).encode()
