"""Connects to DynamoDB: credentials, time limits, and a check for incomplete responses."""

import asyncio
import random
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import IncompleteReadError
from botocore.session import Session

from lea_payments.outbound import way
from lea_payments.settings import SettingsError, TableSettings
from lea_payments.store import aws_data
from lea_payments.store.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECT_SECONDS = 0.7
TRY_SECONDS = 1.0
"""The time limit of one try of a batch; boto3's calls have it for each read.

DynamoDB responds within milliseconds: a connection that is silent for 1 s is dead.
"""

DEADLINE_SECONDS = 6.0
"""The time for applying one event, with all tries. DynamoDB's blips last seconds, and Stripe waits for 10 s."""

CALL_SECONDS = 3.0
"""The time for a call outside of that, such as one of checkout, with all tries."""

PING_SECONDS = 2.0
"""The time for finding out whether the table responds: the kubelet waits 3 s."""

WAITING_LIMIT = 800
"""How many events can be applied at the same time. Each occupies a connection of its sender, and a process has 1,000:
the other 200 are for probes, for quick refusals and for senders that are not verified."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
"""The pauses before another try: each is twice as long as the one before it."""

CONNECTIONS = 16


def on_aws(settings: TableSettings) -> bool:
    """Whether the table is on AWS and not in DynamoDB Local."""
    return not settings.ddb_endpoint


def session(settings: TableSettings) -> Session:
    """A session with the credentials that botocore finds; for DynamoDB Local, dummy ones if there are none.

    Raises SettingsError if the table is on AWS and there are no credentials.
    """
    result = botocore.session.get_session()
    aws_data.use(result)
    # For STS, too. Without it, botocore ignores some of the variables, and an empty one is an error.
    in_profile = str(result.get_scoped_config().get("ca_bundle", ""))
    authorities = way.ca_file(("AWS_CA_BUNDLE",)) or in_profile or way.authorities(way.AWS_CA_FILES)
    result.set_config_variable("ca_bundle", authorities)
    if not on_aws(settings):
        # Outside AWS, botocore would wait seconds for the metadata service.
        for provider in ("container-role", "iam-role"):
            result.get_component("credential_provider").remove(provider)
        if result.get_credentials() is None:
            result.set_credentials("local", "local")
    elif result.get_credentials() is None:
        raise SettingsError("no AWS credentials: give the service a role, or set DDB_ENDPOINT for a local DynamoDB")
    return result


def client(
    settings: TableSettings, using: Session | None = None, *, read_seconds: float = TRY_SECONDS
) -> "DynamoDBClient":
    """A client with short time limits and without retries: the store retries."""
    config = Config(
        region_name=settings.aws_region,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        parameter_validation=False,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        proxies={},  # botocore would read the environment by rules of its own
        account_id_endpoint_mode="disabled",  # one host for all calls: proxies and firewalls allow hosts by name
    )
    using = using or session(settings)
    create: Callable[..., Any] = partial(using.create_client, "dynamodb", endpoint_url=settings.ddb_endpoint or None)
    dynamodb: DynamoDBClient = create(config=config)
    # botocore knows the endpoint, and the endpoint decides about the proxy.
    if proxy := way.proxy_for(dynamodb.meta.endpoint_url):
        proxies = {"http": proxy.url, "https": proxy.url}
        of_proxy: Any = {"proxy_ca_bundle": using.get_config_variable("ca_bundle")}
        dynamodb = create(config=config.merge(Config(proxies=proxies, proxies_config=of_proxy)))
    dynamodb.meta.events.register("before-parse.dynamodb", _check_complete)
    return dynamodb


def _check_complete(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raises IncompleteReadError for a body that was cut off: botocore would parse it as "no such item"."""
    expected, actual = response_dict["headers"].get("content-length"), len(response_dict["body"])
    if expected is not None and actual != int(expected):
        raise IncompleteReadError(actual_bytes=actual, expected_bytes=expected)


class Deadline:
    """Gives each block the same time and yields its deadline, in the loop's time. Counts the blocks that wait.

    Raises UnavailableError instead of a TimeoutError, and at once if too many wait: so an outage stays cheap.
    """

    __slots__ = ("_now", "_seconds", "_waiting")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting = 0
        self._now: Callable[[], float] | None = None

    def start(self) -> float:
        """The deadline of something that starts now. Call `end` when it has ended."""
        if self._waiting >= WAITING_LIMIT:
            raise UnavailableError(f"{WAITING_LIMIT} other events wait for DynamoDB: send the event again later")
        self._waiting += 1
        if self._now is None:
            self._now = asyncio.get_running_loop().time
        return self._now() + self._seconds

    def end(self) -> None:
        """It has ended."""
        self._waiting -= 1

    def error(self) -> UnavailableError:
        """The error of whatever takes longer."""
        return UnavailableError(f"no response from DynamoDB within {self._seconds:g} s")

    def __enter__(self) -> float:
        return self.start()

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        self.end()
        if isinstance(error, TimeoutError):
            raise self.error() from None


async def pause_before_next(pause: float, deadline: float, problem: str) -> float:
    """Waits before another try, and returns the pause before the one after it.

    Raises UnavailableError with the problem if no time is left, as a try does that the deadline ends. Half of a pause
    is random, so that the writes of a failed batch do not all return together.
    """
    seconds = pause * random.uniform(0.5, 1)  # noqa: S311 - it protects nothing
    if asyncio.get_running_loop().time() + seconds >= deadline:
        raise UnavailableError(problem)
    await asyncio.sleep(seconds)
    return min(2 * pause, LONGEST_PAUSE_SECONDS)
