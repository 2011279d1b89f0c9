"""Runs stripe-sync-engine with a PostgreSQL of its own, where Node and PostgreSQL are there."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.bench.processes import ROOT, BenchError, cpu_of
from tests.bench.servers.backends import BackendCounts
from tests.support.ports import free_port
from tests.support.programs import installation, run
from tests.support.waiting import until

FOLDER = Path(__file__).parent / "stripe_sync_engine"
INSTALLED = ROOT / ".data" / "npm-bench"
DEBIAN = Path("/usr/lib/postgresql")
START_SECONDS = 60
NEEDED = ("postgres", "initdb", "psql")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=4GB")
"""Settings that save PostgreSQL the wait for the disk, because the stand-in for DynamoDB has none either."""

UNPRIVILEGED = ("postgres", "nobody")
"""Users for PostgreSQL when this process is root's: PostgreSQL refuses to run as root."""


class MissingError(BenchError):
    """Raised when the receiver cannot run here. The message says why, in one line."""


def command() -> Sequence[str]:
    """The receiver's command. Its packages are installed once, with npm, into a folder that git ignores.

    Raises MissingError.
    """
    if reason := missing(os.environ.get("PATH", "")):
        raise MissingError(reason)
    with installation(INSTALLED, FOLDER / "package-lock.json") as folder:
        if folder is not None:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FOLDER / name, folder)
            try:
                run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
            except AssertionError as error:
                raise MissingError(f"npm installs nothing: {str(error).strip().splitlines()[-1]}") from None
    shutil.copy(FOLDER / "receiver.cjs", INSTALLED)
    return "node", str(INSTALLED / "receiver.cjs")


def missing(search: str, debian: Path = DEBIAN) -> str:
    """Why the receiver cannot run with the programs of a search path, or an empty string."""
    absent = [name for name in ("node", "npm") if shutil.which(name, path=search) is None]
    absent += [name for name in NEEDED if _program(name, search, debian) is None]
    if absent:
        return f"not found: {', '.join(absent)} (Debian: apt install nodejs npm postgresql)"
    if os.geteuid() == 0 and _user() is None:
        return f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED)}"
    return ""


def _program(name: str, search: str | None = None, debian: Path = DEBIAN) -> str | None:
    """The path of one of PostgreSQL's programs; Debian has those of the server in a folder for each version."""
    versions = sorted(debian.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    search = os.environ.get("PATH", "") if search is None else search
    return shutil.which(name, path=os.pathsep.join([*map(str, versions), search]))


def _user() -> str | None:
    """The user that PostgreSQL runs as if it cannot run as this one."""
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


class Postgres:
    """A PostgreSQL with an empty cluster, which ends with the block of `running`."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self.url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        self._process = process

    def cpu_seconds(self) -> float:
        """The CPU time of all its processes so far."""
        with suppress(psutil.NoSuchProcess):
            return sum(cpu_of(process) for process in (self._process, *self._process.children()))
        return 0.0

    def report(self) -> BackendCounts:
        """The payments that were stored since the last report; it removes them."""
        keys = self._query("DELETE FROM stripe.payment_intents RETURNING id").split()
        return BackendCounts(keys=keys, calls=len(keys), spans=0)

    def _query(self, statement: str) -> str:
        psql = _program("psql")
        assert psql is not None
        return run([psql, self.url, "--quiet", "--tuples-only", "--no-align", "--command", statement], Path("/"))

    def is_ready(self) -> bool:
        """Whether it answers a query."""
        return self._query("SELECT 1").strip() == "1"


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A PostgreSQL that has started. Raises BenchError if it does not."""
    data, port = folder / "postgres", free_port()
    initdb, server = _program("initdb"), _program("postgres")
    assert initdb is not None
    assert server is not None
    user = _user() if os.geteuid() == 0 else None
    data.mkdir()
    if user is not None:
        folder.chmod(0o711)  # so that the other user reaches its folder
        shutil.chown(data, user)
    options = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    run([initdb, "--pgdata", data, "--auth", "trust", "--username", "postgres", "--no-sync"], data, **options)
    settings = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *FAST)
    arguments = [server, "-D", str(data), *(word for setting in settings for word in ("-c", setting))]
    log = folder / "postgres.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(arguments, cwd=data, stdout=output, stderr=output, **options) as process,  # type: ignore[call-overload]
    ):
        started = Postgres(port, psutil.Process(process.pid))
        try:
            _wait(started, log)
            yield started
        finally:
            process.send_signal(signal.SIGINT)  # after SIGTERM it would wait for its clients


def _wait(started: Postgres, log: Path) -> None:
    try:
        until(started.is_ready, "PostgreSQL's first answer", START_SECONDS)
    except AssertionError as error:
        raise BenchError(f"{error}\n{log.read_text()[-2000:]}") from None
