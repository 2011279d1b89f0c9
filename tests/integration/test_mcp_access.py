"""Checks who reaches the MCP service, and what it tells and counts about those who do not."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support import forked, mcp_server, plain_http
from tests.support.checkout_api import SECRETS
from tests.support.mcp_server import AGENT_TOKEN, NEXT_AGENT_TOKEN, tool_request
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.scrape import Scrape
from tests.support.waiting import until

if TYPE_CHECKING:
    import subprocess

CALLS = "payments_mcp_calls_total"


@pytest.fixture(scope="module")
def checkout(start_service: Callable[..., str]) -> str:
    return start_service("checkout", STRIPE_API_BASE="http://127.0.0.1:9", **SECRETS)


@pytest.fixture(scope="module")
def metrics_port(free_port: Callable[[], int]) -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(start: Callable[..., Process], checkout: str, metrics_port: int) -> Process:
    variables = mcp_server.settings(
        checkout, METRICS_PORT=str(metrics_port), MCP_ALLOWED_ORIGINS="https://agent.example"
    )
    return start("mcp", **variables, **mcp_server.OF_AGENTS)


@pytest.fixture(scope="module")
def http(server: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as http:
        yield http


def call(http: httpx.Client, headers: dict[str, str], **options: Any) -> httpx.Response:
    content = json.dumps(tool_request("payment_status", {"payment_id": "mcp_unknown"}))
    standard = {**mcp_server.HEADERS, "Mcp-Name": "payment_status", "Authorization": f"Bearer {AGENT_TOKEN}"}
    return http.post("/mcp", **{"content": content, **options}, headers={**standard, **headers})


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "unauthorized"),
        ({"Authorization": "Bearer token-of-somebody-else"}, 401, "unauthorized"),
        ({"Authorization": f"Basic {AGENT_TOKEN}"}, 401, "unauthorized"),
        ({"Origin": "https://evil.example"}, 403, "origin_not_allowed"),
        ({"Origin": "null"}, 403, "origin_not_allowed"),
        ({"Host": "evil.example"}, 421, "host_not_allowed"),
        ({"Host": "["}, 421, "host_not_allowed"),
    ],
    ids=["no token", "wrong token", "other scheme", "other origin", "no page", "rebound name", "no name"],
)
def test_strangers_are_refused(http: httpx.Client, headers: dict[str, str], status: int, code: str) -> None:
    answer = call(http, headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert AGENT_TOKEN not in answer.text


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://agent.example"}, {"Host": "localhost:1"}],
    ids=["agent", "its page", "local name"],
)
def test_agents_are_let_in(http: httpx.Client, headers: dict[str, str]) -> None:
    answer = call(http, headers)

    assert answer.status_code == 200
    assert answer.json()["result"]["structuredContent"]["error"]["code"] == "payment_not_found"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_are_no_sessions_to_read_or_end(http: httpx.Client, method: str) -> None:
    answer = http.request(method, "/mcp", headers={**mcp_server.HEADERS, "Authorization": f"Bearer {AGENT_TOKEN}"})

    assert 400 <= answer.status_code < 500


def test_a_large_body_is_refused(http: httpx.Client) -> None:
    assert call(http, {}, content=b"[" * 100_000).status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"jsonrpc": "2.0"}', b"\xff\xfe", b"[" * 5000])
def test_a_body_that_is_not_a_call_is_refused(http: httpx.Client, body: bytes) -> None:
    assert 400 <= call(http, {}, content=body).status_code < 500


def test_calls_are_counted_by_tool_and_outcome(http: httpx.Client, metrics_port: int) -> None:
    def counts() -> dict[tuple[str, ...], float]:
        return dict(Scrape.of(f"http://127.0.0.1:{metrics_port}").series(CALLS))

    before = counts()
    call(http, {})
    call(http, {"Authorization": ""})
    collection = tool_request("collect_payment", mcp_server.link_arguments(), requestState="made up")
    assert call(http, {"Mcp-Name": "collect_payment"}, content=json.dumps(collection)).status_code == 400
    after = counts()

    growth = {labels: value - before[labels] for labels, value in after.items() if value != before[labels]}
    assert growth == {
        ("refused", "payment_status"): 1,
        ("unauthorized", "other"): 1,
        ("invalid_state", "collect_payment"): 1,
    }


def test_changed_tokens_are_used_without_a_restart(
    start: Callable[..., Process], checkout: str, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.write_text(AGENT_TOKEN)
    variables = mcp_server.settings(checkout, MCP_TOKEN_FILE=str(file), MCP_STATE_SECRET=mcp_server.STATE_SECRET)
    server = start("mcp", **variables)
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as http:
        file.write_text(NEXT_AGENT_TOKEN)
        until(lambda: call(http, {"Authorization": f"Bearer {NEXT_AGENT_TOKEN}"}).status_code == 200)
        assert call(http, {}).status_code == 401


def test_a_wrong_token_for_checkout_makes_the_service_unready(start: Callable[..., Process], checkout: str) -> None:
    variables = mcp_server.settings(checkout, PAYMENTS_API_TOKEN="token-that-checkout-does-not-know")
    server = start("mcp", ready_at="/livez", **variables, **mcp_server.OF_AGENTS)
    answer = plain_http.get(f"{server.url}/readyz")

    assert (answer.status_code, answer.json()["reason"]) == (503, "the checkout API does not respond")
    assert "checkout_ping_failed" in server.output()


def run_without_sdk(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    script = f"import sys; sys.modules['mcp'] = None; {code}"
    return forked.run([sys.executable, "-c", script], env={}, folder=folder)


def test_other_services_do_not_need_the_sdk(tmp_path: Path) -> None:
    apps = ("webhook", "pages", "checkout", "reconciler")
    code = "import lea_payments.__main__, " + ", ".join(f"lea_payments.{app}.app" for app in apps)

    assert run_without_sdk(code, tmp_path).stderr == ""


def test_without_the_sdk_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = "sys.argv = ['lea-payments', 'mcp']; from lea_payments.__main__ import main; main()"
    done = run_without_sdk(code, tmp_path)

    assert done.returncode == 1
    assert "requirements/mcp.txt" in done.stderr
    assert "Traceback" not in done.stderr
