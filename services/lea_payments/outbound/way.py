"""Decides which proxy a call uses and which certificate authorities it trusts, from the variables of the environment.

All clients of a process ask here, so that all of them leave the machine in the same way.
"""

import os
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # its stubs lack it

import certifi

AWS_CA_FILES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables with a file of certificate authorities for AWS. The first one that is set holds, as for boto3."""

CA_FILES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE")
"""The same for all other servers: a proxy that inspects TLS is on the way to all of them."""

PROXY_REMEDY = "set it to a URL such as http://proxy.example:3128, or http://user:password@proxy.example:3128"
_SCHEMES = ("http", "https")


class Proxy(NamedTuple):
    """A proxy. `url` contains its user and password, `address` does not; `headers` has them for the proxy."""

    url: str
    address: str
    headers: Mapping[str, str]


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy for calls to a URL, or None if they are direct. Raises ValueError if its variable is invalid.

    A variable in lower case wins. The entries of NO_PROXY are names with everything below them, addresses, networks
    (10.0.0.0/8), each but a network also with a port, or a single `*`. ALL_PROXY does not count: boto3 ignores it.
    """
    parts = urlsplit(url)
    text = _value(environment, f"{parts.scheme}_proxy")
    if not text or _is_direct(parts, _value(environment, "no_proxy")):
        return None
    return _parsed(text)


def authorities(names: Sequence[str] = CA_FILES, environment: Mapping[str, str] = os.environ) -> str:
    """The file of certificate authorities: that of the first variable that is set, otherwise certifi's.

    boto3 and `requests` come with certifi's, so all clients trust the same servers, whatever the system trusts.
    """
    return ca_file(names, environment) or certifi.where()


def tls_context() -> ssl.SSLContext:
    """The TLS settings of a client of other servers than AWS."""
    return ssl.create_default_context(cafile=authorities())


def ca_file(names: Sequence[str] = CA_FILES, environment: Mapping[str, str] = os.environ) -> str | None:
    """The file of certificate authorities that a variable names, or None."""
    return next((path for name in names if (path := environment.get(name, "").strip())), None)


def problems(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yields one sentence for each of these variables that is invalid. None of them quotes a password."""
    for scheme in _SCHEMES:
        name = f"{scheme}_proxy"
        name = name if name in environment else name.upper()
        try:
            _parsed(environment.get(name, ""))
        except ValueError as error:
            yield f"{name}: {error}; {PROXY_REMEDY}"
    for name, path in _distinct(AWS_CA_FILES, environment):
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:
            yield f"{name}: {path} cannot be used ({error.strerror or error}); set it to a file of certificates in PEM"


def _distinct(names: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the files that variables name, each once: reading the authorities takes 20 ms."""
    paths = {path: name for name in reversed(names) if (path := environment.get(name, "").strip())}
    return ((name, path) for path, name in paths.items())


def _value(environment: Mapping[str, str], name: str) -> str:
    """A variable in either case. In lower case it wins even if it is empty, as for Python's own libraries."""
    return environment.get(name, environment.get(name.upper(), "")).strip()


def _parsed(text: str) -> Proxy | None:
    """The proxy with this URL, None for an empty one. Raises ValueError with the problem."""
    text = text.strip()
    if not text:
        return None
    if not text.isascii():
        raise ValueError("it has characters that belong into percent-encoding")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text.removeprefix('//')}")
    except ValueError:
        raise ValueError("it cannot be read as a URL") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError("it is not the URL of an HTTP proxy")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("its port is not a number; in a password, / is %2F, # is %23, ? is %3F and @ is %40") from None
    if not parts.hostname or any(character.isspace() for character in text):
        raise ValueError("it names no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = port or {"http": 80, "https": 443}[parts.scheme]
    user = parts.netloc.rpartition("@")[0]
    return Proxy(
        f"{parts.scheme}://{user}{'@' * bool(user)}{host}:{port}", f"{parts.scheme}://{host}:{port}", _headers(parts)
    )


def _headers(parts: SplitResult) -> Mapping[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _is_direct(parts: SplitResult, no_proxy: str) -> bool:
    host = parts.hostname or ""
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return bool(proxy_bypass_environment(netloc, {"no": no_proxy})) or _is_in_network(host, parts.port, no_proxy)


def _is_in_network(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether an entry is the address of the host, with or without brackets and port, or a network that contains it."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for entry in no_proxy.replace(" ", "").split(","):
        if entry in (f"[{address}]", f"[{address}]:{port}"):
            return True
        try:
            if address in ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False
