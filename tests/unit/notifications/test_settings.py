from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lea_payments.notifications.delivery import PAUSES
from lea_payments.notifications.endpoints import Endpoint
from lea_payments.notifier.settings import NotifierSettings

SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
VALID: dict[str, Any] = {"NOTIFY_URL": "https://crm.example/hooks", "NOTIFY_SECRET": SECRET}


def test_a_url_and_a_secret_are_enough() -> None:
    settings = NotifierSettings.model_validate(VALID)

    assert settings.endpoints() == (Endpoint("default", "https://crm.example/hooks"),)
    assert settings.endpoint_secrets() == {"default": [SECRET]}
    assert (settings.port, settings.notify_retry_seconds) == (8079, PAUSES)


def test_secrets_come_from_the_file_if_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(f"{SECRET}\n{SECRET}\n")

    settings = NotifierSettings.model_validate(
        {**VALID, "NOTIFY_SECRET": "", "NOTIFY_SECRET_FILE": tmp_path / "secrets"}
    )

    assert settings.endpoint_secrets() == {"default": [SECRET, SECRET]}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"NOTIFY_URL": ""}, "NOTIFY_URL is missing"),
        ({"NOTIFY_URL": "http://crm.example"}, "NOTIFY_ALLOW_HTTP"),
        ({"NOTIFY_SECRET": ""}, "NOTIFY_SECRET: endpoint default has no secret; create one"),
        ({"NOTIFY_SECRET_FILE": "/missing"}, "NOTIFY_SECRET_FILE: the file cannot be read"),
        ({"NOTIFY_EVENTS": "payment.paid"}, "NOTIFY_EVENTS"),
        ({"NOTIFY_RETRY_SECONDS": "5,soon"}, "NOTIFY_RETRY_SECONDS"),
        ({"NOTIFY_RETRY_SECONDS": "0"}, "NOTIFY_RETRY_SECONDS"),
    ],
)
def test_a_wrong_setting_is_refused(changed: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        NotifierSettings.model_validate(VALID | changed)


def test_the_settings_show_no_secret() -> None:
    settings = NotifierSettings.model_validate(VALID)

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.summary())
