"""Runs a real Prometheus and queries it through its HTTP API."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import start_process
from tests.support.waiting import until

INSTALL_HINT = "needs Prometheus (Debian: apt install prometheus; or a release from prometheus.io on the PATH)"


class Sample(NamedTuple):
    """One series in the result of an instant query."""

    labels: Mapping[str, str]
    value: float


NATIVE_HISTOGRAMS_HINT = "needs Prometheus 3.8 or later (a release from prometheus.io on the PATH)"


def find_program(name: str = "prometheus") -> str | None:
    """The path of `prometheus` or `promtool`, if it is installed."""
    return shutil.which(name)


def knows_native_histograms() -> bool:
    """Whether a scrape job of the installed Prometheus has options for native histograms."""
    program = find_program()
    if program is None:
        return False
    version = re.search(r"version (\d+)\.(\d+)", subprocess.check_output([program, "--version"], text=True))
    return version is not None and (int(version[1]), int(version[2])) >= (3, 8)


class Job(NamedTuple):
    """A scrape job: URLs with their labels, and options of the job."""

    name: str
    targets: Iterable[tuple[str, Mapping[str, str]]]
    options: Mapping[str, bool] = {}

    def config(self) -> dict[str, Any]:
        """The job as an item of `scrape_configs`."""
        targets = [{"targets": [url.removeprefix("http://")], "labels": dict(labels)} for url, labels in self.targets]
        return {"job_name": self.name, "static_configs": targets, **self.options}


class Prometheus:
    """A Prometheus that scrapes and evaluates rules at an interval, without anything to configure but its jobs."""

    def __init__(
        self, folder: Path, port: int, jobs: Iterable[Job], rules: Sequence[Path], interval_seconds: int = 1
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        interval = f"{interval_seconds}s"
        config = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [job.config() for job in jobs],
        }
        file = folder / "prometheus.json"  # JSON is also YAML
        file.write_text(json.dumps(config))
        self._log = folder / "prometheus.log"
        self._command = [
            find_program() or "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        ]
        self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=NO_CERTIFICATES)

    def __enter__(self) -> Self:
        self._process = start_process(
            self._command, url=self.url, ready_at="/-/ready", log=self._log, folder=self._log.parent
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()
        self._http.close()

    def api(self, path: str, **params: str | float) -> Any:
        """The data in an answer of the HTTP API; fails if it reports an error."""
        answer = self._http.get(f"/api/v1/{path}", params=params)
        assert answer.is_success, (params, answer.text)
        return answer.json()["data"]

    def query(self, expr: str) -> list[Sample]:
        """The result of an instant query."""
        data = self.api("query", query=expr)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]

    def until(self, expr: str, seconds: float = 60) -> None:
        """Returns when the query has a result."""
        until(lambda: bool(self.query(expr)), f"a result of {expr}", seconds, pause=0.3)

    def query_range(self, expr: str, start: float, end: float, step: float) -> Mapping[str, list[tuple[float, float]]]:
        """The result of a range query, by the values of the labels; times are in seconds since 1970."""
        result = self.api("query_range", query=expr, start=start, end=end, step=step)["result"]
        return {" ".join(one["metric"].values()): [(at, float(value)) for at, value in one["values"]] for one in result}

    def exemplars(self, expr: str) -> list[Mapping[str, str]]:
        """The labels of the exemplars of a query in the last hour."""
        now = time.time()
        result = self.api("query_exemplars", query=expr, start=now - 3600, end=now)
        return [exemplar["labels"] for series in result for exemplar in series["exemplars"]]
