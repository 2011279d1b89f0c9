"""Takes OpenTelemetry's variables out of the environment, before its SDK reads them."""

import os
from collections.abc import Mapping
from functools import cache

from pydantic import Field

from lea_payments.environment import EnvironmentSettings

PREFIX = "OTEL_"


class OtelVariables(EnvironmentSettings):
    """The variables that the services read, as text; a field's description is its row in docs/reference/settings.md."""

    otel_exporter_otlp_endpoint: str = Field(
        "",
        description="URL of the OTLP/HTTP collector that receives the traces, such as `http://localhost:4318`; the "
        "services add `/v1/traces`. Without this and the next one nothing is exported",
    )
    otel_exporter_otlp_traces_endpoint: str = Field("", description="the whole URL for traces, which takes precedence")
    otel_exporter_otlp_protocol: str = Field("", description="`http/protobuf` (default) or `http/json`; not `grpc`")
    otel_exporter_otlp_traces_protocol: str = Field("", description="the same, for traces only")
    otel_exporter_otlp_headers: str = Field("", description="headers of each export: `name=value,name=value`")
    otel_exporter_otlp_traces_headers: str = Field("", description="the same, for traces only")
    otel_exporter_otlp_timeout: str = Field(
        "", description="how long one export may take, in milliseconds (10000); `0` means no limit"
    )
    otel_exporter_otlp_traces_timeout: str = Field("", description="the same, for traces only")
    otel_exporter_otlp_compression: str = Field("", description="`none` (default), `gzip` or `deflate`")
    otel_exporter_otlp_traces_compression: str = Field("", description="the same, for traces only")
    otel_exporter_otlp_certificate: str = Field("", description="file with the collector's certificate authority")
    otel_exporter_otlp_traces_certificate: str = Field("", description="the same, for traces only")
    otel_exporter_otlp_client_certificate: str = Field("", description="file with the client's certificate (mTLS)")
    otel_exporter_otlp_traces_client_certificate: str = Field("", description="the same, for traces only")
    otel_exporter_otlp_client_key: str = Field("", description="file with the client's private key")
    otel_exporter_otlp_traces_client_key: str = Field("", description="the same, for traces only")
    otel_traces_exporter: str = Field(
        "", description="`otlp` or `none`; `otlp` alone exports to `http://localhost:4318`"
    )
    otel_traces_sampler: str = Field(
        "",
        description="`parentbased_traceidratio` (default), `traceidratio`, or `always_on`, `always_off` and these with "
        "`parentbased_`. Traces with an error are always kept, unless the sampler is one of `always_off`",
    )
    otel_traces_sampler_arg: str = Field(
        "", description="share of new traces that a ratio sampler keeps, from 0 to 1 (1)"
    )
    otel_service_name: str = Field("", description="`service.name`; the default is `lea-payments-` with the service")
    otel_resource_attributes: str = Field(
        "", description="attributes of each span's resource: `name=value,name=value`, in percent-encoding"
    )
    pod_resource_attributes: str = Field(
        "", description="attributes of the pod, which the chart sets; those of `OTEL_RESOURCE_ATTRIBUTES` win"
    )
    otel_sdk_disabled: str = Field("", description="`true`: no traces")
    otel_propagators: str = Field("", description="must contain `tracecontext`, the only format that the services use")
    otel_bsp_schedule_delay: str = Field("", description="pause between two exports, in milliseconds (5000)")
    otel_bsp_export_timeout: str = Field("", description="how long one export may take, in milliseconds (30000)")
    otel_bsp_max_queue_size: str = Field("", description="number of spans that can wait for their export (2048)")
    otel_bsp_max_export_batch_size: str = Field("", description="number of spans in one export (512)")
    otel_attribute_value_length_limit: str = Field("", description="longest value of an attribute, in characters")
    otel_attribute_count_limit: str = Field("", description="number of attributes of a span, event or link (128)")
    otel_span_attribute_value_length_limit: str = Field("", description="the same length, for spans only")
    otel_span_attribute_count_limit: str = Field("", description="the same number, for spans only")
    otel_span_event_count_limit: str = Field("", description="number of events of a span (128)")
    otel_span_link_count_limit: str = Field("", description="number of links of a span (128)")
    otel_event_attribute_count_limit: str = Field("", description="number of attributes of an event")
    otel_link_attribute_count_limit: str = Field("", description="number of attributes of a link")
    otel_config_file: str = Field("", description="not supported: reported and ignored")
    otel_experimental_config_file: str = Field("", description="not supported: reported and ignored")


def read_variables() -> Mapping[str, str]:
    """The variables that are set, by their names."""
    return {name.upper(): value for name, value in OtelVariables.model_validate({}).model_dump().items() if value}


@cache
def take_variables() -> Mapping[str, str]:
    """Reads the variables, and removes all of OpenTelemetry's from the environment.

    Its packages read some at their import, fail on an invalid one, and log the values of others, which are secrets.
    """
    variables = read_variables()
    for name in [*os.environ]:
        if name.upper().startswith(PREFIX):
            del os.environ[name]
    return variables
