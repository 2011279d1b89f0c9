"""The demo as a person runs it: started, used, stopped, killed; on its own ports and in its own folder."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest

from lea_demo.dynamodb_local import fetch
from lea_demo.machine import PORTS, is_busy, variable
from lea_payments.secrets.rules import DEMO_TOKEN
from tests.support import forked
from tests.support.checkout_api import checkout_client
from tests.support.examples import examples
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.receiver import SECRET, Receiver
from tests.support.secrets import signing_secret
from tests.support.terminal import Terminal
from tests.support.waiting import until

WAIT_SECONDS = 90
SUCCESS, NO_FUNDS, DECLINED, ATTACHED = "4242424242424242", "4000000000009995", "4000000000000002", "4000000000000341"
SANDBOX = {"STRIPE_SECRET_KEY": "sk_test_mine", "STRIPE_WEBHOOK_SECRET": signing_secret("mine")}
EXAMPLE = re.compile(r"(?s)lea-payments show (payment_demo_[0-9a-f]{8}).*\nPay  http")


@dataclass
class Demo:
    """A running demo."""

    process: psutil.Popen
    folder: Path
    env: Mapping[str, str]
    log: Path
    terminal: Terminal | None = None

    def url(self, name: str) -> str:
        return f"http://localhost:{self.env[f'DEMO_{name}_PORT']}"

    def printed(self) -> str:
        return self.terminal.printed if self.terminal else self.log.read_text()

    def wait_for(self, pattern: re.Pattern[str]) -> str:
        """Waits until the output matches and returns the first group."""
        match = until(lambda: pattern.search(self.printed()) or self.process.poll() is not None, pattern.pattern)
        assert isinstance(match, re.Match), self.printed()
        return str(match[1])

    def run(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", *arguments]
        return forked.run(command, env={**self.env, **env}, folder=self.folder)

    def flow(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = self.run("lea_demo", "flow", "--json", *arguments)
        summary: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, summary

    def end_by(self, number: int) -> int:
        """Sends the signal and returns the exit status, after checking that no process and no busy port is left."""
        started = self.process.children(recursive=True)
        self.process.send_signal(number)
        return self.ended(started)

    def ended(self, started: Sequence[psutil.Process]) -> int:
        services = 5 if "STRIPE_API_BASE" in self.env else 6  # a sandbox replaces the emulator
        assert len(started) >= 2 * (services + 1)  # with DynamoDB Local; each has a guard
        status: int = self.process.wait(WAIT_SECONDS)
        _, left = psutil.wait_procs(started, timeout=WAIT_SECONDS)
        assert not left, self.printed()
        assert not [port for name, port in self.env.items() if name.startswith("DEMO_") and is_busy(int(port))]
        return status


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory, dynamodb_folder: Path) -> Callable[[], Path]:
    """Return a function that creates a folder with DynamoDB Local in it and no payment yet."""

    def create() -> Path:
        fetch(dynamodb_folder)
        folder = tmp_path_factory.mktemp("demo") / "a path"
        (folder / ".data").mkdir(parents=True)
        (folder / ".data" / "dynamodb-local").symlink_to(dynamodb_folder)
        bin_folder = folder / ".venv" / "bin"  # in the real folder it is the environment of these tests
        bin_folder.mkdir(parents=True)
        for name in ("lea-demo", "lea-payments"):
            (bin_folder / name).symlink_to(Path(sys.executable).with_name(name))
        return folder

    return create


@pytest.fixture(scope="module")
def start_demo(new_folder: Callable[[], Path], free_port: Callable[[], int]) -> Iterator[Callable[..., Demo]]:
    """Yield `start_demo(folder=None, **env) -> Demo`, on free ports unless `env` names them."""
    started: list[Demo] = []

    def start(folder: Path | None = None, *, in_terminal: bool = False, **more: str) -> Demo:
        folder = folder or new_folder()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
        free_ports = {variable(name): str(free_port()) for name in PORTS}
        env = {**kept, **free_ports, **more}
        log = folder / f"demo-{len(started)}.log"
        command = [sys.executable, "-m", "lea_demo", "run"]
        with log.open("wb") as file:
            terminal = Terminal(command, folder, env) if in_terminal else None
            process = (
                terminal.process
                if terminal
                else psutil.Popen(command, cwd=folder, env=env, stdout=file, stderr=subprocess.STDOUT)
            )
        started.append(Demo(process, folder, env, log, terminal))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()  # its guards stop the rest
            demo.process.wait()


@pytest.fixture(scope="module")
def running() -> list[Demo]:
    """Return the demos that tests have left running for others, oldest first: a start takes ten seconds of a core."""
    return []


@pytest.fixture
def demo(start_demo: Callable[..., Demo], running: list[Demo]) -> Demo:
    """Return a demo that has created its example payment. The tests share it, until one of them ends it."""
    if not running or running[-1].process.poll() is not None:
        running.append(start_demo())
        running[-1].wait_for(EXAMPLE)
    return running[-1]


class SmallScreen(NamedTuple):
    """A demo in a terminal of 80 columns and 24 rows, and what that shows after the start."""

    demo: Demo
    at_start: str


@pytest.fixture(scope="module")
def small_screen(start_demo: Callable[..., Demo]) -> SmallScreen:
    demo = start_demo(in_terminal=True, TERM="dumb", PYTHONIOENCODING="ascii")
    demo.wait_for(re.compile(r"\n(Pay)  http\S+\n"))
    return SmallScreen(demo, demo.printed())


class Restarted(NamedTuple):
    """A demo in a terminal that Ctrl-C has ended, and the next one in its folder, with a Stripe sandbox and a receiver.

    An emulator that the test starts is the sandbox. The demo knows only its address.
    """

    first: Demo
    payment: str
    status: int
    second: Demo
    sandbox: str
    receiver: Receiver


@pytest.fixture(scope="module")
def restarted(
    small_screen: SmallScreen, start_demo: Callable[..., Demo], start: Callable[..., Process]
) -> Iterator[Restarted]:
    first = small_screen.demo
    payment = first.wait_for(EXAMPLE)
    status = first.end_by(signal.SIGINT)
    sandbox = start("stripe-emulator").url
    ports = {name: port for name, port in first.env.items() if name.startswith("DEMO_")}
    with Receiver() as receiver:
        dot_env = {**SANDBOX, "NOTIFY_URL": receiver.url, "NOTIFY_SECRET": SECRET}
        (first.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in dot_env.items()))
        second = start_demo(first.folder, **ports, STRIPE_API_BASE=sandbox)
        second.wait_for(EXAMPLE)
        yield Restarted(first, payment, status, second, sandbox, receiver)


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
def test_a_payment_ends_as_its_attempts_require(
    demo: Demo, arguments: list[str], status: str, reason: str | None, page: str
) -> None:
    exit_status, summary = demo.flow(*arguments)

    assert (exit_status, summary["ok"]) == (0, True), summary
    assert (summary["payment"]["payment_status"], summary["payment"]["status_reason"]) == (status, reason)
    assert summary["success_page"] == page


def test_a_person_can_pay_after_a_decline(demo: Demo) -> None:
    command = [sys.executable, "-m", "lea_demo", "flow"]
    with subprocess.Popen(command, cwd=demo.folder, env=demo.env, stdout=subprocess.PIPE, text=True) as flow:
        assert flow.stdout is not None
        link = next(line.split()[1] for line in flow.stdout if line.startswith("link"))
        with httpx.Client(timeout=30, trust_env=False, verify=NO_CERTIFICATES) as browser:
            pay_page = link.replace("/c/pay/", "/_pay/")
            assert browser.post(pay_page, json={"card": NO_FUNDS}).status_code == 402
            assert "card_declined:insufficient_funds" in next(
                line for line in flow.stdout if line.startswith("status failed")
            )
            assert browser.post(pay_page, json={"card": SUCCESS}).is_success
        printed = flow.stdout.read()

    assert flow.returncode == 0
    assert printed.endswith("✓ the success page says “Payment received”\nAll checks passed.\n")


def test_without_a_terminal_the_flow_prints_plain_lines(demo: Demo) -> None:
    done = demo.run("lea_demo", "flow", "--card", SUCCESS)

    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()][:3] == ["link", "card", "status"]
    assert done.stdout.endswith("All checks passed.\n")


@pytest.mark.parametrize("cards", [[SUCCESS], [NO_FUNDS, SUCCESS]], ids=["paid", "paid after a decline"])
def test_a_scripted_agent_sells_a_policy(demo: Demo, cards: list[str]) -> None:
    done = demo.run("lea_demo", "flow", "--mcp", *(option for card in cards for option in ("--card", card)))

    assert (done.returncode, done.stderr) == (0, "")
    assert "agent     You are insured" in done.stdout
    assert done.stdout.endswith("All checks passed.\n")


def test_an_agent_without_the_demo_says_what_to_do(demo: Demo, free_port: Callable[[], int]) -> None:
    exit_status, summary = demo.flow("--mcp", "--checkout", f"http://localhost:{free_port()}")

    assert exit_status == 1
    assert "start `make demo`" in summary["checks"][0]["remedy"]


@pytest.mark.parametrize(
    ("card", "lines"),
    [
        pytest.param(
            SUCCESS,
            {
                "checkout_session_opened",
                "payment_completed",
                "webhook_answered checkout.session.completed applied",
                "webhook_answered charge.succeeded applied",
                "page_shown success completed",
                "notification_delivered delivered completed",
            },
            id="paid",
        ),
        pytest.param(
            NO_FUNDS,
            {
                "checkout_session_opened",
                "payment_failed card_declined:insufficient_funds",
                "webhook_answered payment_intent.payment_failed applied card_declined:insufficient_funds",
                "page_shown success failed",
                "notification_delivered delivered failed",
            },
            id="declined",
        ),
    ],
)
def test_each_event_is_one_line(demo: Demo, card: str, lines: set[str]) -> None:
    _, summary = demo.flow("--card", card)

    payment = summary["payment_intent_id"]
    for line in lines:  # each service writes on its own, so no line is always the last
        demo.wait_for(re.compile(rf"({payment}) +{re.escape(line)}\n"))
    printed = [line.split(payment)[1].strip() for line in demo.printed().splitlines() if payment in line]
    assert sorted(printed) == sorted(lines)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        pytest.param(["--checkout", "http://localhost:1", "--card", SUCCESS], "start `make demo`", id="no API"),
        pytest.param(
            ["--pages", "http://localhost:1", "--card", SUCCESS], "or use --checkout and --pages", id="no pages"
        ),
        pytest.param(["--card", "1234"], "Your card number is incomplete.", id="no test card"),
        pytest.param(["--card", SUCCESS, "--card", NO_FUNDS], "declined cards first", id="paid before"),
        pytest.param(["--amount", "1", "--card", SUCCESS], "The minimum for sgd is 50", id="amount"),
        pytest.param(["--timeout", "1"], "pay at the link", id="nobody pays"),
    ],
)
def test_a_failed_flow_says_what_to_do(demo: Demo, arguments: list[str], remedy: str) -> None:
    exit_status, summary = demo.flow(*arguments)

    assert exit_status == 1
    assert remedy in " ".join(check["remedy"] for check in summary["checks"] if not check["ok"])


def test_the_reconciler_replaces_a_missing_event(demo: Demo) -> None:
    with httpx.Client(base_url=demo.url("EMULATOR"), timeout=30, trust_env=False, verify=NO_CERTIFICATES) as emulator:
        emulator.put(
            "/_faults", json={"per_type": {"checkout.session.expired": {}, "checkout.session.completed": {"drop": 1}}}
        )
        exit_status, summary = demo.flow("--timeout", "90", "--card", SUCCESS)
        emulator.delete("/_faults")

    assert exit_status == 0, summary
    demo.wait_for(re.compile(rf"(reconciler) +{summary['payment_intent_id']} +payment_repaired"))


def test_busy_ports_are_listed_and_nothing_starts(start_demo: Callable[..., Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as pages, socket.create_server(("127.0.0.1", 0)) as metrics:
        taken = {"PAGES": pages.getsockname()[1], "CHECKOUT_METRICS": metrics.getsockname()[1]}
        demo = start_demo(**{f"DEMO_{name}_PORT": str(port) for name, port in taken.items()})

        assert demo.process.wait(WAIT_SECONDS) == 1

    assert demo.printed().splitlines() == [
        f"✗ port {port} is in use: stop the program that listens there, or set DEMO_{name}_PORT to another port"
        for name, port in taken.items()
    ]


def test_a_live_key_starts_nothing(start_demo: Callable[..., Demo]) -> None:
    demo = start_demo(STRIPE_SECRET_KEY="sk_live_x", STRIPE_WEBHOOK_SECRET="whsec_x")

    assert demo.process.wait(WAIT_SECONDS) == 1
    assert demo.printed().startswith("✗ STRIPE_SECRET_KEY is a live key")
    assert "sk_live_x" not in demo.printed()


def test_every_printed_command_can_be_pasted(demo: Demo) -> None:
    commands = [line.strip() for line in demo.printed().splitlines() if line.startswith("  ") and "localhost" in line]
    env = {name: value for name, value in demo.env.items() if not name.startswith("DEMO_")}

    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=demo.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    programs = [re.split(r" (?=[a-z])|/", command.partition(".venv/bin/")[2] or command)[0] for command in commands]
    assert programs == ["lea-demo", "curl", "lea-payments", "lea-payments", "lea-payments"]


def test_a_dispute_whose_event_is_lost_reaches_the_record(demo: Demo) -> None:
    """The reconciler of the demo reads it from the emulator."""
    _, summary = demo.flow("--card", SUCCESS)
    intent = summary["payment"]["stripe_payment_intent"]
    with httpx.Client(base_url=demo.url("EMULATOR"), timeout=30, trust_env=False, verify=NO_CERTIFICATES) as emulator:
        emulator.put("/_faults", json={"per_type": {"charge.dispute.created": {"drop": 1}}}).raise_for_status()
        emulator.post("/_disputes", json={"payment_intent": intent}).raise_for_status()

        with checkout_client(demo.url("CHECKOUT"), DEMO_TOKEN) as checkout:
            path = f"/payments/{summary['payment_intent_id']}"
            until(lambda: checkout.get(path).json()["dispute_status"] == "open", "the reconciler's next run")
        emulator.delete("/_faults")


def test_a_second_demo_in_the_folder_is_refused(demo: Demo, start_demo: Callable[..., Demo]) -> None:
    second = start_demo(demo.folder)

    assert second.process.wait(WAIT_SECONDS) == 1
    problem = f"✗ a demo already runs in this folder (process {demo.process.pid})"
    assert second.printed() == f"{problem}: use that one, or stop it with Ctrl-C in its terminal\n"


def test_a_folder_that_cannot_be_written_has_a_sentence(start_demo: Callable[..., Demo], tmp_path: Path) -> None:
    (tmp_path / ".data").touch()

    demo = start_demo(tmp_path)

    assert demo.process.wait(WAIT_SECONDS) == 1
    assert demo.printed() == "✗ cannot write .data (File exists): make this folder writable, or make room\n"


@pytest.mark.parametrize(("victim", "status"), [("webhook", 1), ("run", -signal.SIGKILL)][: examples(1, 2)])
def test_everything_exits_after_one_is_killed(demo: Demo, victim: str, status: int) -> None:
    """The guards that notice a killed demo are also tested with DynamoDB Local."""
    started = demo.process.children(recursive=True)
    killed = next(process for process in [demo.process, *started] if process.cmdline()[-1:] == [victim])

    killed.kill()

    assert demo.ended(started) == status
    if victim == "webhook":
        assert "✗ webhook exited (exit status -9). Its last lines:\n  {" in demo.printed()


def test_the_link_is_at_the_bottom_of_a_small_screen(small_screen: SmallScreen) -> None:
    """On a terminal of 80 columns and 24 rows, with the longest ports and an encoding that lacks characters."""
    shown = small_screen.at_start

    assert shown.isascii()
    rows = sum(max(1, -(-len(line) // 80)) for line in shown.splitlines())
    assert rows + 1 <= 24  # the cursor is below
    assert shown.splitlines()[-1].startswith("Pay  http://localhost:")


def test_a_stripe_sandbox_in_dot_env_replaces_the_emulator(restarted: Restarted) -> None:
    demo = restarted.second

    webhook = demo.url("WEBHOOK").removeprefix("http://")
    assert f"stripe listen --forward-to {webhook}/webhook/stripe --events checkout.session.completed," in demo.printed()
    assert f"http://localhost:{restarted.sandbox.rpartition(':')[2]}/c/pay/cs_test_" in demo.printed()
    assert not is_busy(int(demo.env["DEMO_EMULATOR_PORT"]))
    assert not [value for value in SANDBOX.values() if value in demo.printed()]


def test_a_receiver_in_dot_env_gets_the_notifications(restarted: Restarted) -> None:
    payment = restarted.second.wait_for(EXAMPLE)

    with checkout_client(restarted.second.url("CHECKOUT"), DEMO_TOKEN) as checkout:
        checkout.post(f"/payments/{payment}/cancel").raise_for_status()

    (received,) = restarted.receiver.wait_for(payment)
    received.verify()
    assert received.type == "payment.expired"


def test_ctrl_c_leaves_only_the_payments(restarted: Restarted) -> None:
    first, second = restarted.first, restarted.second
    assert restarted.status == 0, first.printed()
    assert first.printed().endswith("Everything has stopped. The payments stay in .data/dynamodb for the next time.\n")

    shown = second.run("lea_payments", "show", restarted.payment, "--json", DDB_ENDPOINT=second.url("DYNAMODB"))
    assert [record["payment_intent_id"] for record in json.loads(shown.stdout)] == [restarted.payment]
    assert second.end_by(signal.SIGTERM) == 0
