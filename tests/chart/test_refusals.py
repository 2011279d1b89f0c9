"""Checks which values the chart refuses, and that the message names the value and the reason."""

from typing import Any

import helm_python as helm
import pytest

from tests.chart.rendered import ci, merged, render

ROLE = {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": ""}}}


def env(name: str) -> list[dict[str, str]]:
    return [{"name": name, "value": "x"}]


@pytest.mark.parametrize(
    ("start", "values", "message"),
    [
        ("sandbox", {"webhok": {}}, "at '': additional properties 'webhok' not allowed"),
        ("sandbox", {"webhook": {"replica": 3}}, "at '/webhook': additional properties 'replica' not allowed"),
        ("sandbox", {"webhook": {"replicas": "3"}}, "at '/webhook/replicas': got string, want null or integer"),
        ("sandbox", {"webhook": {"replicas": -1}}, "at '/webhook/replicas': minimum: got -1, want 0"),
        ("sandbox", {"logLevel": "loud"}, "at '/logLevel': value must be one of 'debug', 'info', 'warning', 'error'"),
        ("sandbox", {"image": {"tag": 12}}, "at '/image/tag': got number, want string"),
        ("sandbox", {"image": {"digest": "abc"}}, "at '/image/digest': 'abc' does not match pattern"),
        ("sandbox", {"dynamodb": {"mode": "cloud"}}, "at '/dynamodb/mode': value must be one of 'local', 'aws'"),
        ("sandbox", {"dynamodb": {"table": "a b"}}, "at '/dynamodb/table': 'a b' does not match pattern"),
        ("sandbox", {"stripe": {"existingSecret": ""}}, "at '/stripe/existingSecret': '' does not match pattern"),
        ("sandbox", {"stripe": {"existingSecret": None}}, "at '/stripe': missing property 'existingSecret'"),
        ("sandbox", {"checkout": {"existingSecret": None}}, "at '/checkout': missing property 'existingSecret'"),
        (
            "sandbox",
            {"stripe": {"secretKey": "sk_live_1"}},
            "at '/stripe': additional properties 'secretKey' not allow",
        ),
        ("sandbox", {"stripe": {"livemode": True}}, "at '/dynamodb/mode': value must be 'aws'"),
        ("sandbox", {"stripe": {"account": "mine"}}, "at '/stripe/account': 'mine' does not match pattern"),
        ("emulator", {"emulator": {"apiKey": "sk_live_1"}}, "at '/emulator/apiKey': 'sk_live_1' does not match"),
        ("emulator", {"emulator": {"apiToken": "short"}}, "at '/emulator/apiToken': 'short' does not match"),
        ("emulator", {"emulator": {"webhookSecret": "whsec_1"}}, "at '/emulator/webhookSecret': 'whsec_1' does not"),
        ("emulator", {"webhook": {"ingress": {"enabled": True}}}, "at '/webhook/ingress': missing property 'host'"),
        ("emulator", {"pages": {"httpRoute": {"enabled": True}}}, "at '/pages/httpRoute/parentRefs': minItems: got 0"),
        ("emulator", {"pages": {"brand": {"logo": "<svg/>"}}}, "at '/pages/brand/logo': '<svg/>' does not match"),
        ("emulator", {"pages": {"brand": {"supportContact": "help"}}}, "at '/pages/brand/supportContact': 'help' does"),
        ("emulator", {"pages": {"brand": {"conversationUrl": "http://a"}}}, "at '/pages/brand/conversationUrl': 'http"),
        (
            "emulator",
            {"pages": {"returnUrlOrigins": ["https://a.b/"]}},
            "at '/pages/returnUrlOrigins/0': 'https://a.b/",
        ),
        ("emulator", {"pages": {"returnUrlOrigins": ["https://*.b"]}}, "at '/pages/returnUrlOrigins/0': 'https://*.b'"),
        ("emulator", {"pages": {"brand": {"nextSteps": {"ms": "x"}}}}, "at '/pages/brand/nextSteps': missing property"),
        (
            "emulator",
            {"pages": {"brand": {"nextSteps": {"en": "x", "de": "x"}}}},
            "value must be one of 'en', 'zh-Hans'",
        ),
        ("emulator", {"topologySpread": {"whenUnsatisfiable": "Never"}}, "'ScheduleAnyway', 'DoNotSchedule'"),
        ("emulator", {"networkPolicy": {"awsCidrs": []}}, "at '/networkPolicy/awsCidrs': minItems: got 0, want 1"),
        ("emulator", {"checkout": {"callers": [{}]}}, "at '/checkout/callers/0': minProperties: got 0, want 1"),
        ("emulator", {"otlp": {"samplingRatio": 2}}, "at '/otlp/samplingRatio': maximum: got 2, want 1"),
        ("emulator", {"reconciler": {"replicas": 2}}, "at '/reconciler': additional properties 'replicas' not allowed"),
        (
            "emulator",
            {"reconciler": {"intervalSeconds": 0}},
            "at '/reconciler/intervalSeconds': minimum: got 0, want 1",
        ),
        (
            "emulator",
            {"webhook": {"deliveryDeadlineSeconds": 10}},
            "at '/webhook/deliveryDeadlineSeconds': maximum: got 10, want 9",
        ),
        ("emulator", {"podAnnotations": {"a": 1}}, "at '/podAnnotations/a': got number, want string"),
        ("aws", {"dynamodb": {"endpoint": "http://x"}}, "at '/dynamodb': additional properties 'endpoint' not allowed"),
        ("aws", {"dynamodb": {"accessKeyId": "x"}}, "at '/dynamodb': additional properties 'accessKeyId' not allowed"),
        ("aws", {"emulator": {"enabled": True}}, "at '/emulator/enabled': value must be false"),
        (
            "aws",
            {"pages": {"publicUrl": "http://pay.example.com"}},
            "at '/pages/publicUrl': 'http://pay.example.com' does",
        ),
        *(
            (
                "aws",
                {service: {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": None}}}},
                f"at '/{service}/serviceAccount/annotations': missing property 'eks.amazonaws.com/role-arn'",
            )
            for service in ("webhook", "pages", "checkout", "reconciler", "tableInit")
        ),
        (
            "aws",
            {"pages": ROLE},
            "at '/pages/serviceAccount/annotations/eks.amazonaws.com~1role-arn': '' does not match",
        ),
        *(
            (
                "aws",
                {service: {"extraEnv": env(name)}},
                f"{service}.extraEnv sets {name}: AWS keys are not allowed; use a role",
            )
            for service in ("webhook", "pages", "checkout", "reconciler")
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        ),
        ("aws", {"extraEnv": env("AWS_ACCESS_KEY_ID")}, "extraEnv sets AWS_ACCESS_KEY_ID: AWS keys are not allowed"),
        ("aws", {"webhook": {"extraEnv": env("DDB_ENDPOINT")}}, "webhook.extraEnv sets DDB_ENDPOINT, which the chart"),
        (
            "sandbox",
            {"webhook": {"extraEnv": env("STRIPE_SECRET_KEY")}},
            "webhook.extraEnv sets STRIPE_SECRET_KEY, which",
        ),
        ("sandbox", {"pages": {"extraEnv": env("A") * 2}}, "pages.extraEnv sets A twice"),
        ("sandbox", {"extraEnv": env("A"), "pages": {"extraEnv": env("A")}}, "extraEnv and pages.extraEnv both set A"),
        (
            "telemetry",
            {"extraEnv": env("OTEL_EXPORTER_OTLP_ENDPOINT")},
            "extraEnv sets OTEL_EXPORTER_OTLP_ENDPOINT, which otlp sets already",
        ),
        (
            "emulator",
            {"emulator": {"extraEnv": env("EMULATOR_WEBHOOK_URL")}},
            "emulator.extraEnv sets EMULATOR_WEBHOOK_URL",
        ),
        *(
            (
                "emulator",
                {service: {"service": {"type": "NodePort"}}},
                "at '/serviceDefaults/service/acknowledgeExposure': value must be true",
            )
            for service in ("serviceDefaults", "webhook", "pages", "checkout")
        ),
        *(
            (
                "service-defaults",
                {service: {"service": {"type": kind, "acknowledgeExposure": False}}},
                f"{service}.service.type is {kind}: without an ingress nothing ends TLS",
            )
            for service in ("webhook", "pages", "checkout")
            for kind in ("NodePort", "LoadBalancer")
        ),
        (
            "emulator",
            {"pages": {"service": {"type": "LoadBalancer"}}, "webhook": {"service": {"acknowledgeExposure": True}}},
            "or set pages.service.acknowledgeExposure to true",
        ),
        (
            "emulator",
            {"serviceDefaults": {"service": {"acknowledgeExposure": "yes"}}},
            "at '/serviceDefaults/service/acknowledgeExposure': got string, want null or boolean",
        ),
        *(
            ("emulator", values, "'sha256:abc' does not match pattern")
            for image in ({"image": {"digest": "sha256:abc"}},)
            for values in ({"emulator": image}, {"dynamodb": {"local": image}}, {"dynamodb": {"admin": image}})
        ),
        ("emulator", {"serviceDefaults": {"replicas": -1}}, "at '/serviceDefaults/replicas': minimum: got -1, want 0"),
        (
            "emulator",
            {"checkout": {"ingress": {"enabled": True}}},
            "at '/checkout': additional properties 'ingress' not",
        ),
        (
            "emulator",
            {"serviceDefaults": {"ingress": {}}},
            "at '/serviceDefaults': additional properties 'ingress' not",
        ),
        (
            "emulator",
            {"serviceDefaults": {"autoscaling": {"maxReplicas": 4}}, "pages": {"autoscaling": {"minReplicas": 5}}},
            "pages.autoscaling.minReplicas 5 is more than maxReplicas 4",
        ),
        (
            "autoscaling",
            {"webhook": {"autoscaling": {"minReplicas": 20}}},
            "webhook.autoscaling.minReplicas 20 is more than maxReplicas 10",
        ),
    ],
)
def test_a_refusal_names_the_value_and_the_reason(start: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        render(merged(ci(start), values))

    assert message in str(refusal.value)


def test_without_values_the_refusal_names_the_missing_secrets() -> None:
    with pytest.raises(helm.HelmValuesError) as refusal:
        render({})

    lines = {line.strip() for line in str(refusal.value).splitlines()}
    assert {f"- at '/{where}': missing property 'existingSecret'" for where in ("stripe", "checkout")} <= lines


@pytest.mark.parametrize(
    ("start", "values"),
    [
        ("no-checkout", {}),
        ("aws", {"reconciler": {"enabled": False, "serviceAccount": {"annotations": None}}}),
        ("pod-identity", {}),
        ("aws", {"tableInit": {"enabled": False, "serviceAccount": {"annotations": None}}}),
        ("aws", {"stripe": {"livemode": True}}),
        ("emulator", {"extraEnv": env("OTEL_EXPORTER_OTLP_ENDPOINT")}),
        ("emulator", {"global": {"anything": 1}}),
        ("emulator", {"pages": {"service": {"type": "LoadBalancer", "acknowledgeExposure": True}}}),
        (
            "emulator",
            {"pages": {"service": {"type": "NodePort"}}, "serviceDefaults": {"service": {"acknowledgeExposure": True}}},
        ),
        ("emulator", {"serviceDefaults": {"service": {"acknowledgeExposure": True}}}),
    ],
)
def test_valid_values_are_accepted(start: str, values: dict[str, Any]) -> None:
    assert list(render(merged(ci(start), values)))
