"""Claim: no call waits for new credentials while the present ones are valid for long enough."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, HTTPClientError
from botocore.session import Session

from tests.support.batch_client import OK, RESPONSES, STATEMENTS, Results, batch_call, result_of
from tests.support.raw_server import RawServer

SOON = timedelta(minutes=13)
"""botocore wants new credentials 15 minutes before the end, and waits for them in the last 10."""

VERY_SOON, EXPIRED = timedelta(minutes=5), timedelta(minutes=-1)
Fetch = Callable[[], dict[str, str]]


def _role(left: timedelta, fetch: Fetch) -> Session:
    """A session whose credentials are valid for this time."""

    class Role(CredentialProvider):
        def load(self) -> RefreshableCredentials:
            return RefreshableCredentials("old", "old", "old", datetime.now(UTC) + left, fetch, "role")

    result = Session()
    result.register_component("credential_provider", CredentialResolver([Role()]))
    return result


def _new(named: str = "new", left: timedelta = timedelta(hours=1)) -> dict[str, str]:
    end = (datetime.now(UTC) + left).isoformat()
    return {"access_key": "new", "secret_key": "new", "token": named, "expiry_time": end}


def _tokens(server: RawServer) -> list[str]:
    return [each.head.partition("x-amz-security-token: ")[2].partition("\r\n")[0] for each in server.requests]


@pytest.mark.parametrize("left", [SOON, VERY_SOON, EXPIRED], ids=["soon", "very soon", "expired"])
async def test_the_first_call_has_new_credentials(left: timedelta) -> None:
    threads: list[threading.Thread] = []

    def fetch() -> dict[str, str]:
        threads.append(threading.current_thread())
        return _new()

    async with RawServer(OK) as server, batch_call(server.url, _role(left, fetch)) as call:
        results = Results()
        for _ in range(5):
            call.send(STATEMENTS, results)
        await results.wait_for(5)

        assert results.all == [RESPONSES] * 5
        assert [each is threading.main_thread() for each in threads] == [False]
        assert _tokens(server)[-1] == "new"


async def test_valid_credentials_are_used_while_new_ones_come() -> None:
    """Their refresh hangs, and no call waits for it."""
    release = threading.Event()
    fetches = count()

    def fetch() -> dict[str, str]:
        if next(fetches):
            release.wait(60)
            return _new("third")
        return _new("second", SOON)

    async with RawServer(OK) as server, batch_call(server.url, _role(SOON, fetch)) as call:
        try:
            for _ in range(3):
                call._credentials._checked_until = 0.0  # as if a second had passed
                assert await result_of(call) == RESPONSES
        finally:
            release.set()
        while call._credentials._threads:
            assert await result_of(call) == RESPONSES
        await result_of(call)

        assert _tokens(server)[:3] == ["second"] * 3
        assert _tokens(server)[-1] == "third"


async def test_a_refresh_that_hangs_fails_calls_in_time() -> None:
    """Expired credentials are of no use, and a refresh occupies two threads at most."""
    release = threading.Event()

    def fetch() -> dict[str, str]:
        release.wait(60)
        return _new()

    async with RawServer(OK) as server, batch_call(server.url, _role(EXPIRED, fetch)) as call:
        results = Results()
        for _ in range(10):
            call.send(STATEMENTS, results)
        threads = call._credentials._threads
        await results.wait_for(10)
        release.set()

        assert results.errors == ["ReadTimeoutError"] * 10
        assert threads == 2
        assert await result_of(call) == RESPONSES


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRoleWithWebIdentity"), ClientError),
        (CredentialRetrievalError(provider="role", error_msg="no"), CredentialRetrievalError),
        (LookupError("strange"), HTTPClientError),
    ],
    ids=["of STS", "of botocore", "another"],
)
async def test_a_refresh_that_fails_is_the_error_of_a_call(error: Exception, kind: type) -> None:
    errors = iter([error])

    def fetch() -> dict[str, str]:
        for each in errors:
            raise each
        return _new()

    async with RawServer(OK) as server, batch_call(server.url, _role(EXPIRED, fetch)) as call:
        first = await result_of(call)
        second = await result_of(call)

        assert isinstance(first, kind)
        assert second == RESPONSES


async def test_close_ends_calls_that_wait_for_credentials() -> None:
    release = threading.Event()

    def fetch() -> dict[str, str]:
        release.wait(60)
        return _new()

    async with RawServer(OK) as server, batch_call(server.url, _role(EXPIRED, fetch)) as call:
        results = Results()
        call.send(STATEMENTS, results)
        await call.close()
        release.set()

        assert results.errors == ["ConnectionClosedError"]
        assert server.requests == []
