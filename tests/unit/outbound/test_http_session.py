from pathlib import Path

import pytest

from lea_payments.outbound.http_session import OutboundSession
from lea_payments.outbound.way import CA_FILES, authorities

PROXY = "http://lea:word@proxy:3128"


def test_a_session_asks_for_the_proxy_of_each_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", PROXY)
    monkeypatch.setenv("no_proxy", ".internal")
    session = OutboundSession()

    far = session.merge_environment_settings("https://api.stripe.com/v1", {}, None, None, None)
    near = session.merge_environment_settings("https://otel.internal", {}, None, None, None)

    assert (far["proxies"], near["proxies"]) == ({"http": PROXY, "https": PROXY}, {})


@pytest.mark.parametrize(
    ("verify", "used"), [(None, "/ca.pem"), (True, "/ca.pem"), ("/own.pem", "/ca.pem"), ("/given.pem", "/given.pem")]
)
def test_a_variable_replaces_only_the_default_certificates(
    monkeypatch: pytest.MonkeyPatch, verify: str | None, used: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")

    merged = OutboundSession("/own.pem").merge_environment_settings("https://a", None, None, verify, None)

    assert merged["verify"] == used


def test_without_a_variable_sessions_trust_what_all_clients_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CA_FILES:
        monkeypatch.delenv(name, raising=False)

    merged = OutboundSession("/own.pem").merge_environment_settings("https://a", None, None, "/own.pem", None)

    assert merged["verify"] == authorities()


def test_no_password_comes_from_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine api.stripe.com login nobody password none\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert OutboundSession().trust_env is False
