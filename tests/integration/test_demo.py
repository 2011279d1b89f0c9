"""The demo as a person runs it: started, used, stopped, killed; on ports and in a folder of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from lea_demo.dynamodb_local import fetch, is_busy
from lea_demo.settings import port_fields
from tests.support.parts import Part

WAIT_SECONDS = 90
SUCCESS, NO_FUNDS, DECLINED, ATTACHED = "4242424242424242", "4000000000009995", "4000000000000002", "4000000000000341"
EXAMPLE = re.compile(r"(payment_demo_[0-9a-f]{8}) +pay link made")


@dataclass
class Demo:
    """A running demo."""

    process: psutil.Popen
    folder: Path
    env: Mapping[str, str]
    log: Path

    def url(self, part: str) -> str:
        return f"http://localhost:{self.env[f'DEMO_{part}_PORT']}"

    def printed(self) -> str:
        return self.log.read_text()

    def wait_for(self, pattern: re.Pattern[str]) -> str:
        """The first group of what it prints, once it has."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := pattern.search(self.printed())):
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.05)
        return found[1]

    def run(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "lea_payments", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, check=False, timeout=120
        )

    def flow(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = self.run("flow", "--json", *arguments)
        summary: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, summary

    def end_by(self, number: int) -> int:
        """Its exit status after the signal, when every process of its has gone and every port is free again."""
        started = self.process.children(recursive=True)
        self.process.send_signal(number)
        return self.ended(started)

    def ended(self, started: Sequence[psutil.Process]) -> int:
        assert len(started) >= 8  # at least four parts and as many guards: else this would prove nothing
        status: int = self.process.wait(WAIT_SECONDS)
        _, left = psutil.wait_procs(started, timeout=WAIT_SECONDS)
        assert not left, self.printed()
        assert not [port for name, port in self.env.items() if name.startswith("DEMO_") and is_busy(int(port))]
        return status


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dynamodb_folder: Path) -> Path:
    """Return a folder with DynamoDB Local in it and no payment yet."""
    fetch(dynamodb_folder)
    folder = tmp_path_factory.mktemp("demo")
    (folder / ".data").mkdir()
    (folder / ".data" / "dynamodb-local").symlink_to(dynamodb_folder)
    return folder


@pytest.fixture(scope="module")
def start_demo(folder: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., Demo]]:
    """Yield `start_demo(**env) -> Demo`: starts one, on free ports unless `env` names them; none outlives the file."""
    started: list[Demo] = []

    def start(**more: str) -> Demo:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
        ports = {variable: str(free_port()) for _, variable, _ in port_fields()}
        env = {**kept, **ports, **more}
        log = folder / f"demo-{len(started)}.log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "lea_demo", "run"]
            process = psutil.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
        started.append(Demo(process, folder, env, log))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()  # its guards end the rest
            demo.process.wait()


@pytest.fixture(scope="module")
def demo(start_demo: Callable[..., Demo]) -> Demo:
    """Return a demo that has made its example payment."""
    demo = start_demo()
    demo.wait_for(EXAMPLE)
    return demo


@pytest.mark.parametrize(
    ("arguments", "status", "reason", "page"),
    [
        pytest.param(["--card", SUCCESS], "completed", None, "Payment received", id="paid"),
        pytest.param(
            ["--card", NO_FUNDS], "failed", "card_declined:insufficient_funds", "Payment not completed", id="declined"
        ),
        pytest.param(
            ["--card", ATTACHED],
            "failed",
            "card_declined:generic_decline",
            "Payment not completed",
            id="attached, then declined",
        ),
        pytest.param(
            ["--card", DECLINED, "--card", SUCCESS], "completed", None, "Payment received", id="declined, then paid"
        ),
        pytest.param(["--delayed", "succeeded"], "completed", None, "Payment received", id="delayed, paid"),
        pytest.param(
            ["--delayed", "failed", "--currency", "jpy", "--amount", "500"],
            "failed",
            "async_payment_failed",
            "Payment not completed",
            id="delayed, failed",
        ),
    ],
)
def test_a_payment_ends_as_its_customer_s_doings_say(
    demo: Demo, arguments: list[str], status: str, reason: str | None, page: str
) -> None:
    exit_status, summary = demo.flow(*arguments)

    assert (exit_status, summary["ok"]) == (0, True), summary
    assert (summary["payment"]["payment_status"], summary["payment"]["status_reason"]) == (status, reason)
    assert summary["success_page"] == page


def test_a_person_may_be_declined_and_pay_later(demo: Demo) -> None:
    command = [sys.executable, "-m", "lea_demo", "flow"]
    with subprocess.Popen(command, cwd=demo.folder, env=demo.env, stdout=subprocess.PIPE, text=True) as flow:
        assert flow.stdout is not None
        link = next(line.split()[1] for line in flow.stdout if line.startswith("link"))
        with httpx.Client(trust_env=False) as browser:
            pay_page = link.replace("/c/pay/", "/_pay/")
            assert browser.post(pay_page, json={"card": NO_FUNDS}).status_code == 402
            assert "card_declined:insufficient_funds" in next(line for line in flow.stdout if line.startswith("status"))
            assert browser.post(pay_page, json={"card": SUCCESS}).is_success
        printed = flow.stdout.read()

    assert flow.returncode == 0
    assert printed.endswith("✓ the success page says “Payment received”\nAll is right.\n")


def test_without_a_terminal_the_flow_writes_plain_lines(demo: Demo) -> None:
    done = demo.run("flow", "--card", SUCCESS)

    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert [line.split()[0] for line in done.stdout.split("\n\n")[0].splitlines()][:3] == ["created", "link", "card"]
    assert done.stdout.endswith("All is right.\n")


@pytest.mark.parametrize(
    ("card", "lines"),
    [
        pytest.param(
            SUCCESS,
            {
                "pay link made",
                "payment completed",
                "checkout.session.completed → applied",
                "the customer is done and goes to the success page",
                "the customer sees the success page: completed",
            },
            id="paid",
        ),
        pytest.param(
            NO_FUNDS,
            {
                "pay link made",
                "the payment is declined",
                "payment failed (card_declined:insufficient_funds)",
                "payment_intent.payment_failed → applied",
                "the customer sees the success page: failed",
            },
            id="declined",
        ),
    ],
)
def test_what_happens_is_told_in_one_line_each(demo: Demo, card: str, lines: set[str]) -> None:
    _, summary = demo.flow("--card", card)

    payment = summary["payment_intent_id"]
    for line in lines:  # each part writes on its own, so no line says that all have come
        demo.wait_for(re.compile(rf"({payment}) +{re.escape(line)}\n"))
    told = [line.split(payment)[1].strip() for line in demo.printed().splitlines() if payment in line]
    assert sorted(told) == sorted(lines)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        pytest.param(["--checkout", "http://localhost:1", "--card", SUCCESS], "start `make demo`", id="no API"),
        pytest.param(["--pages", "http://localhost:1", "--card", SUCCESS], "start the pages", id="no pages"),
        pytest.param(["--card", "1234"], "Your card number is incorrect.", id="no test card"),
        pytest.param(["--card", SUCCESS, "--card", NO_FUNDS], "declined ones first", id="paid before"),
        pytest.param(["--amount", "1", "--card", SUCCESS], "The minimum for sgd is 50", id="amount"),
        pytest.param(["--timeout", "1"], "pay at the link", id="nobody pays"),
    ],
)
def test_a_flow_that_is_not_right_fails_and_says_what_to_do(demo: Demo, arguments: list[str], remedy: str) -> None:
    exit_status, summary = demo.flow(*arguments)

    assert exit_status == 1
    assert remedy in " ".join(check["remedy"] for check in summary["checks"] if not check["ok"])


def test_an_event_that_never_comes_is_found_missing(demo: Demo) -> None:
    with httpx.Client(base_url=demo.url("EMULATOR"), trust_env=False) as emulator:
        emulator.put(
            "/_faults", json={"per_type": {"checkout.session.expired": {}, "checkout.session.completed": {"drop": 1}}}
        )
        exit_status, summary = demo.flow("--timeout", "1", "--card", SUCCESS)
        emulator.delete("/_faults")

    wrong = {check["name"]: check["remedy"] for check in summary["checks"] if not check["ok"]}
    assert exit_status == 1
    assert "the emulator's last delivery met no answer" in wrong["the webhook applied checkout.session.completed"]
    assert "it is pending" in wrong["the payment is completed"]


def test_ctrl_c_leaves_nothing_but_the_payments(start_demo: Callable[..., Demo]) -> None:
    first = start_demo()
    payment = first.wait_for(EXAMPLE)
    assert first.end_by(signal.SIGINT) == 0, first.printed()
    assert first.printed().endswith("Everything has stopped. The payments stay in .data/dynamodb for the next time.\n")

    second = start_demo(**{name: port for name, port in first.env.items() if name.startswith("DEMO_")})
    second.wait_for(EXAMPLE)
    shown = second.run("show", payment, "--json", DDB_ENDPOINT=second.url("DYNAMODB"))
    assert [record["payment_intent_id"] for record in json.loads(shown.stdout)] == [payment]
    assert second.end_by(signal.SIGTERM) == 0


def test_a_killed_demo_takes_its_parts_with_it(start_demo: Callable[..., Demo]) -> None:
    demo = start_demo()
    demo.wait_for(EXAMPLE)

    assert demo.end_by(signal.SIGKILL) == -signal.SIGKILL


def test_a_part_that_dies_ends_the_demo_and_is_named(start_demo: Callable[..., Demo]) -> None:
    demo = start_demo()
    demo.wait_for(EXAMPLE)
    started = demo.process.children(recursive=True)
    webhook = next(process for process in started if process.cmdline()[-1:] == ["webhook"])

    webhook.kill()

    assert demo.ended(started) == 1
    assert "✗ webhook ended by itself (exit status -9). Its last lines:\n  {" in demo.printed()


def test_every_busy_port_gets_a_line_and_nothing_is_started(start_demo: Callable[..., Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as pages, socket.create_server(("127.0.0.1", 0)) as metrics:
        taken = {"PAGES": pages.getsockname()[1], "CHECKOUT_METRICS": metrics.getsockname()[1]}
        demo = start_demo(**{f"DEMO_{name}_PORT": str(port) for name, port in taken.items()})

        assert demo.process.wait(WAIT_SECONDS) == 1

    lines = demo.printed().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"✗ port {taken['PAGES']}, for the customer's pages, is in use",
        f"✗ port {taken['CHECKOUT_METRICS']}, for the checkout API's metrics, is in use",
    ]


def test_a_live_key_starts_nothing(start_demo: Callable[..., Demo]) -> None:
    demo = start_demo(STRIPE_SECRET_KEY="sk_live_x", STRIPE_WEBHOOK_SECRET="whsec_x")

    assert demo.process.wait(WAIT_SECONDS) == 1
    assert demo.printed().startswith("✗ STRIPE_SECRET_KEY is a live key")
    assert "sk_live_x" not in demo.printed()


def test_a_stripe_sandbox_in_dot_env_takes_the_emulator_s_place(
    start_demo: Callable[..., Demo], start: Callable[..., Part], folder: Path
) -> None:
    """An emulator of the test's own is the sandbox here, which the demo knows by its address alone."""
    sandbox = start("stripe-emulator")
    secrets = {"STRIPE_SECRET_KEY": "sk_test_mine", "STRIPE_WEBHOOK_SECRET": "whsec_mine"}
    dot_env = folder / ".env"
    dot_env.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    try:
        demo = start_demo(STRIPE_API_BASE=sandbox.url)
        demo.wait_for(EXAMPLE)
    finally:
        dot_env.unlink()

    webhook = demo.url("WEBHOOK").removeprefix("http://")
    assert f"stripe listen --forward-to {webhook}/webhook/stripe --events checkout.session.completed," in demo.printed()
    assert f"http://localhost:{sandbox.url.rpartition(':')[2]}/c/pay/cs_test_" in demo.printed()
    assert not is_busy(int(demo.env["DEMO_EMULATOR_PORT"]))
    assert not [value for value in secrets.values() if value in demo.printed()]
