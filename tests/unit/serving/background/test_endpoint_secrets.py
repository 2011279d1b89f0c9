from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lea_payments.notifier.secrets import EndpointSecrets
from lea_payments.notifier.settings import NotifierSettings
from lea_payments.telemetry import metrics

OLD = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NEW = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


def _is_reported_invalid() -> bool:
    return bool(metrics.SECRET_FILE_INVALID.labels(metrics.NOTIFY_SECRETS_FILE)._value.get())


@pytest.mark.parametrize("content", ["", "changeme", "whsec_"])
def test_an_invalid_file_of_endpoint_secrets_is_reported(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secrets"
    file.write_text(OLD)
    variables = {"NOTIFY_URL": "https://crm.example/hooks", "NOTIFY_SECRET_FILE": file}
    secrets = EndpointSecrets(NotifierSettings.model_validate(variables))
    file.write_text(content)

    with capture_logs() as lines:
        secrets.reload()
    was_reported, kept = _is_reported_invalid(), secrets()
    file.write_text(NEW)
    secrets.reload()
    secrets.reload()

    assert (was_reported, list(kept["default"])) == (True, [OLD])
    assert {line["event"] for line in lines} <= {"secrets_kept"}
    assert (_is_reported_invalid(), list(secrets()["default"])) == (False, [NEW])
