"""Loads botocore's description of AWS without the services that nobody here calls.

It describes the endpoints of 400 services, which would take 7 MB in every process, and 50 ms of its start.
"""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from botocore.loaders import JSONFileLoader, Loader, create_loader
from botocore.session import Session

ENDPOINTS = "endpoints.json"


class _Services(msgspec.Struct, omit_defaults=True):
    """The table's service, and those that give a role or a person their credentials."""

    dynamodb: dict[str, Any] = {}
    sts: dict[str, Any] = {}
    oidc: dict[str, Any] = {}
    portal_sso: dict[str, Any] = msgspec.field(default_factory=dict, name="portal.sso")


class _Partition(msgspec.Struct, rename="camel"):
    partition: str
    partition_name: str
    dns_suffix: str
    region_regex: str
    regions: dict[str, Any]
    defaults: dict[str, Any]
    services: _Services


class _Endpoints(msgspec.Struct):
    version: int
    partitions: list[_Partition]


_decode = msgspec.json.Decoder(_Endpoints).decode


class _Files(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        """The content of a file with this path and a suffix, or None if there is none."""
        path = Path(f"{file_path}.json")
        if path.name == ENDPOINTS and path.is_file():
            return msgspec.to_builtins(_decode(path.read_bytes()))
        return super().load_file(file_path)


@cache
def _loader(data_path: str | None) -> Loader:
    """The loader that all sessions of a process share, because it keeps what it has read."""
    loader = create_loader(data_path)
    loader.file_loader = _Files()
    return loader


def use(session: Session) -> None:
    """Makes a session load only what is needed here."""
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
