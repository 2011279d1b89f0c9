"""Keeps the developer's own settings out of the tests of the demo."""

import pytest

from lea_demo.settings import DemoSettings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the developer's variables nor a `.env`."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    for field in DemoSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
