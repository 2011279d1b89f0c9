"""Scrapes the metrics of a service, as Prometheus does."""

from collections.abc import Mapping
from typing import Self

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from tests.support import plain_http

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Scrape:
    """The metrics of a service at one time."""

    def __init__(self, text: str, samples: list[Sample]) -> None:
        self.text = text
        self.samples = samples

    @classmethod
    def of(cls, url: str) -> Self:
        """Reads `/metrics` in the text format of Prometheus."""
        text = _get(url, "text/plain")
        return cls(text, [sample for family in parse_text(text) for sample in family.samples])

    @classmethod
    def with_exemplars(cls, url: str) -> Self:
        """Reads `/metrics` in the OpenMetrics format, which contains exemplars."""
        text = _get(url, OPENMETRICS)
        families = parse_openmetrics(text)  # type: ignore[no-untyped-call]
        return cls(text, [sample for family in families for sample in family.samples])

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the series with exactly these labels; None if there is none."""
        values = [sample.value for sample in self.samples if sample.name == name and sample.labels == labels]
        assert len(values) < 2
        return values[0] if values else None

    def series(self, name: str) -> Mapping[tuple[str, ...], float]:
        """The values of all series of this name, by their label values in the order of the label names."""
        return {tuple(sample.labels.values()): sample.value for sample in self.samples if sample.name == name}


def _get(url: str, accept: str) -> str:
    answer = plain_http.get(f"{url}/metrics", headers={"Accept": accept}, timeout=10)
    assert answer.status_code == 200
    return answer.text
