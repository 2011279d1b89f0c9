"""Reads variables from the environment and `.env`: without surrounding whitespace, and an empty one counts as unset."""

from collections.abc import MutableMapping
from typing import Any, ClassVar

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

READ_BY_LIBRARIES = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
"""How the names of variables begin that a library reads by itself, in upper or lower case."""


class EnvironmentSettings(BaseSettings):
    """Settings from the environment and `.env`. Secrets often end with the newline of the file they were made from."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)

    empty_is_a_value: ClassVar[frozenset[str]] = frozenset()
    """The variables that mean something if they are set and empty."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it; we have no such folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Strips the values of each source, so that an empty variable does not hide a line in `.env`."""
        sources = (init_settings, env_settings, dotenv_settings)
        return tuple(_Stripped(settings_cls, source, cls.empty_is_a_value) for source in sources)


class _Stripped(PydanticBaseSettingsSource):
    """The values of another source, stripped, and without the empty ones."""

    def __init__(
        self, settings_cls: type[BaseSettings], source: PydanticBaseSettingsSource, empty_is_a_value: frozenset[str]
    ) -> None:
        super().__init__(settings_cls)
        self._source, self._empty_is_a_value = source, empty_is_a_value

    def __call__(self) -> dict[str, Any]:
        """The values by the names of their variables."""
        values = {name: value.strip() if isinstance(value, str) else value for name, value in self._source().items()}
        return {name: value for name, value in values.items() if value != "" or name in self._empty_is_a_value}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value of one field in the other source."""
        return self._source.get_field_value(field, field_name)


def strip_variables_of_libraries(environment: MutableMapping[str, str]) -> None:
    """Strips the variables that AWS' and HTTP libraries read by themselves, and removes the empty ones.

    A key of AWS that ends with a newline is not a valid header, and an empty AWS_PROFILE is looked for by its name.
    """
    for name, value in [*environment.items()]:
        if not name.upper().startswith(READ_BY_LIBRARIES):
            continue
        if value.strip():
            environment[name] = value.strip()
        else:
            del environment[name]
