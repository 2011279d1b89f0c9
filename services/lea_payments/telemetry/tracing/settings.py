"""Turns OpenTelemetry's variables into the settings of the traces; what is invalid is reported and ignored."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from lea_payments.telemetry.tracing import values

T = TypeVar("T")

EXPORTER = "OTEL_EXPORTER_OTLP_"
DEFAULT_COLLECTOR = "http://localhost:4318"
PROTOBUF, JSON = "http/protobuf", "http/json"
PARENT_BASED = "parentbased_"
ALWAYS_ON, ALWAYS_OFF, RATIO = "always_on", "always_off", "traceidratio"
SAMPLERS = tuple(f"{prefix}{name}" for prefix in (PARENT_BASED, "") for name in (RATIO, ALWAYS_ON, ALWAYS_OFF))
LIMITS: Mapping[str, str] = {
    "max_attribute_length": "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "max_attributes": "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "max_span_attribute_length": "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "max_span_attributes": "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "max_events": "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "max_links": "OTEL_SPAN_LINK_COUNT_LIMIT",
    "max_event_attributes": "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "max_link_attributes": "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
}
"""The variable of each limit of the SDK."""

NOT_SUPPORTED: Mapping[str, str] = {
    "OTEL_CONFIG_FILE": "is not supported: set the other OTEL_ variables instead",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "is not supported: set the other OTEL_ variables instead",
}


class Problem(NamedTuple):
    """A variable that is ignored, and what to do about it."""

    variable: str
    text: str


class Exporting(NamedTuple):
    """How spans reach the collector. Without an endpoint they do not."""

    endpoint: str
    protocol: str
    headers: Mapping[str, str]
    timeout_seconds: float
    compression: str
    authority_file: str
    client_certificate: str
    client_key: str


class Batches(NamedTuple):
    """How many spans wait, for how long, and how many are exported at once."""

    delay_milliseconds: int
    queue_size: int
    size: int


class Tracing(NamedTuple):
    """The settings of the traces, and the problems of the variables that are ignored."""

    exporting: Exporting
    batches: Batches
    sampler: str
    ratio: float
    resource: Mapping[str, str]
    limits: Mapping[str, int]
    problems: tuple[Problem, ...]

    @property
    def is_on(self) -> bool:
        """Whether spans are exported."""
        return bool(self.exporting.endpoint)


class _Reader:
    """Reads one variable after the other, and collects the problems."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[Problem] = []

    def read(self, name: str, value_of: Callable[[str], T], default: T) -> T:
        """The value of a variable; the default if it is not set or not valid."""
        text = self._variables.get(name, "")
        if not text:
            return default
        try:
            return value_of(text)
        except ValueError as error:
            self.problems.append(Problem(name, str(error)))
            return default

    def of_exporter(self, name: str, value_of: Callable[[str], T], default: T) -> T:
        """The value for traces if it is set and valid, otherwise the one for all signals."""
        value = self.read(f"{EXPORTER}TRACES_{name}", value_of, None)
        return self.read(f"{EXPORTER}{name}", value_of, default) if value is None else value

    def report(self, name: str, problem: str) -> None:
        """Reports a problem of one of the exporter's variables, under the name that has set it."""
        of_traces = f"{EXPORTER}TRACES_{name}"
        self.problems.append(Problem(of_traces if of_traces in self._variables else f"{EXPORTER}{name}", problem))


def read_tracing(variables: Mapping[str, str]) -> Tracing:
    """The settings that these variables mean, by OpenTelemetry's specification."""
    reader = _Reader(variables)
    for name, problem in NOT_SUPPORTED.items():
        reader.read(name, _reject(problem), None)
    reader.read("OTEL_PROPAGATORS", _propagators, None)
    batches = _batches(reader)
    exporting = _exporting(reader)
    sampler = reader.read("OTEL_TRACES_SAMPLER", values.one_of(*SAMPLERS), SAMPLERS[0])
    name = reader.read("OTEL_SERVICE_NAME", str, "")
    return Tracing(
        exporting,
        batches,
        sampler,
        reader.read("OTEL_TRACES_SAMPLER_ARG", values.ratio, 1.0) if sampler.endswith(RATIO) else 1.0,
        {
            **reader.read("POD_RESOURCE_ATTRIBUTES", values.resource_attributes, {}),
            **reader.read("OTEL_RESOURCE_ATTRIBUTES", values.resource_attributes, {}),
            **({"service.name": name} if name else {}),
        },
        {
            limit: number
            for limit, variable in LIMITS.items()
            if (number := reader.read(variable, values.integer(0), None)) is not None
        },
        tuple(reader.problems),
    )


def _exporting(reader: _Reader) -> Exporting:
    protocol = reader.of_exporter("PROTOCOL", values.one_of(PROTOBUF, JSON, "grpc"), PROTOBUF)
    certificate, key = _client_certificate(reader)
    limits = (
        reader.of_exporter("TIMEOUT", values.timeout_seconds, 10.0),
        reader.read("OTEL_BSP_EXPORT_TIMEOUT", values.timeout_seconds, 30.0),
    )
    return Exporting(
        _endpoint(reader, protocol),
        protocol,
        reader.of_exporter("HEADERS", values.headers, {}),
        min(limits),
        reader.of_exporter("COMPRESSION", values.one_of("none", "gzip", "deflate"), "none"),
        reader.of_exporter("CERTIFICATE", values.authority_file, ""),
        certificate,
        key,
    )


def _endpoint(reader: _Reader, protocol: str) -> str:
    """The URL that receives the spans; empty if they are not exported."""
    exporter = reader.read("OTEL_TRACES_EXPORTER", values.one_of("otlp", "none"), "")
    default = values.base_endpoint(DEFAULT_COLLECTOR) if exporter == "otlp" else ""
    of_all = reader.read("OTEL_EXPORTER_OTLP_ENDPOINT", values.base_endpoint, default)
    endpoint = reader.read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", values.traces_endpoint, of_all)
    if exporter == "none" or reader.read("OTEL_SDK_DISABLED", values.flag, default=False):
        return ""
    if protocol == "grpc" and endpoint:
        reader.report(
            "PROTOCOL",
            "is grpc, which is not supported, so no traces are exported: set it to http/protobuf, and the endpoint to "
            "the collector's port for HTTP, usually 4318",
        )
        return ""
    return endpoint


def _client_certificate(reader: _Reader) -> tuple[str, str]:
    certificate = reader.of_exporter("CLIENT_CERTIFICATE", values.readable_file, "")
    key = reader.of_exporter("CLIENT_KEY", values.readable_file, "")
    if certificate and not values.are_pair(certificate, key):
        reader.report(
            "CLIENT_CERTIFICATE", "and CLIENT_KEY are not a certificate and its key: set both to files in PEM"
        )
        return "", ""
    return (certificate, key) if certificate else ("", "")


def _batches(reader: _Reader) -> Batches:
    delay = reader.read("OTEL_BSP_SCHEDULE_DELAY", values.integer(1), 5000)
    queue_size = reader.read("OTEL_BSP_MAX_QUEUE_SIZE", values.integer(1), 2048)
    size = reader.read("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", values.integer(1), min(512, queue_size))
    if size > queue_size:
        problem = "is more than OTEL_BSP_MAX_QUEUE_SIZE: change one of them"
        reader.problems.append(Problem("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", problem))
    return Batches(delay, queue_size, min(size, queue_size))


def _propagators(text: str) -> None:
    """Accepts lists with W3C trace context, the only format that the services read and write."""
    if "tracecontext" not in [name.strip().lower() for name in text.split(",")]:
        raise ValueError("lacks tracecontext, the only format that the services use: add it")


def _reject(problem: str) -> Callable[[str], None]:
    def read(_: str) -> None:
        raise ValueError(problem)

    return read
