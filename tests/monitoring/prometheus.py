"""Runs a real Prometheus and queries it through its HTTP API."""

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from tests.support.processes import start_process
from tests.support.waiting import until

INSTALL_HINT = "needs Prometheus (Debian: apt install prometheus; or a release from prometheus.io on the PATH)"


class Sample(NamedTuple):
    """One series in the result of an instant query."""

    labels: Mapping[str, str]
    value: float


def find_program(name: str = "prometheus") -> str | None:
    """The path of `prometheus` or `promtool`, if it is installed."""
    return shutil.which(name)


class Prometheus:
    """A Prometheus that scrapes and evaluates rules every second; `targets` are URLs with their labels."""

    def __init__(
        self, folder: Path, port: int, targets: Iterable[tuple[str, Mapping[str, str]]], rules: Sequence[Path]
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [
                {
                    "job_name": "lea-payments-metrics",
                    "static_configs": [
                        {"targets": [url.removeprefix("http://")], "labels": dict(labels)} for url, labels in targets
                    ],
                }
            ],
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
        self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

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
