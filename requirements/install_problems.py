"""Explains why a program of the installation failed, from what it printed."""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

LAST_LINES = 12
LITTLE_SPACE = 50_000_000  # bytes
NEWEST_TESTED = (3, 14)
AGAIN = "then run the same command again."

CAUSES = (
    (
        r"No space left on device|Disk quota exceeded",
        f"The disk is full: make room for up to 1 GB, {AGAIN}",
    ),
    (
        r"Read-only file system|Permission denied",
        f"Cannot write into .venv: make this folder writable for you, or delete .venv, {AGAIN}",
    ),
    (
        r"CA certificate bundle",
        f"The file with the CA certificates does not exist: correct REQUESTS_CA_BUNDLE or PIP_CERT, {AGAIN}",
    ),
    (
        r"NO_CERTIFICATE_OR_CRL_FOUND|NO_START_LINE|no start line|PEM lib",
        f"The file in REQUESTS_CA_BUNDLE or PIP_CERT has no certificates in PEM format: correct it, {AGAIN}",
    ),
    (
        (
            r"dependencies for SOCKS|Proxy URL had|check proxy URL|Failed to parse|Port out of range"
            r"|Port could not be cast|InvalidURL"
        ),
        (
            "HTTPS_PROXY, HTTP_PROXY or PIP_INDEX_URL is not a URL that pip can use: write a proxy as http://host:port,"
            f" with special characters of a password as %40 and so on, {AGAIN}"
        ),
    ),
    (
        r"(?i)certificate.verify.failed|SSLError",
        (
            "The certificate of the package index is not trusted, probably because a proxy inspects TLS:"
            f" set REQUESTS_CA_BUNDLE (or PIP_CERT) to a file with your company's CA certificates, {AGAIN}"
        ),
    ),
    (
        r"DO NOT MATCH THE HASHES",
        (
            "The package index or a proxy returns a file that is not the one in the lock file:"
            f" set PIP_INDEX_URL to an index with the original files, {AGAIN}"
        ),
    ),
    (
        r"\b40[137] |Proxy Authentication Required",
        (
            "The package index or the proxy refuses the request:"
            f" correct the user and the password in PIP_INDEX_URL or HTTPS_PROXY, {AGAIN}"
        ),
    ),
    (
        r"Retrying \(|Connection(?:Error|ResetError| reset| refused)|timed out",
        (
            "No connection to the package index: check the network, or set PIP_INDEX_URL to your company's index,"
            " HTTPS_PROXY to its proxy, and REQUESTS_CA_BUNDLE (or PIP_CERT) to a file with its CA certificates,"
            f" {AGAIN}"
        ),
    ),
)
"""What a failed program printed, and what to do. The first match wins."""

NO_PACKAGE = "No matching distribution found"
NO_PACKAGE_SENTENCE = (
    "The package index does not have the packages: correct PIP_INDEX_URL, which often ends with /simple, and remove"
    f" PIP_NO_INDEX, {AGAIN}"
)


class InstallError(Exception):
    """The installation failed. The message says what to do."""


def explanation(lines: Sequence[str]) -> str:
    """What a failed program's output means, and what to do."""
    output = "\n".join(lines)
    if shutil.disk_usage(Path(__file__).parent).free < LITTLE_SPACE:
        return CAUSES[0][1]
    for pattern, sentence in CAUSES:
        if re.search(pattern, output):
            return sentence
    problem = "The installation failed. Its last lines:"
    if sys.version_info[:2] > NEWEST_TESTED:
        newest = ".".join(map(str, NEWEST_TESTED))
        problem = (
            f"The installation failed with Python {sys.version.split()[0]}: install Python {newest}. The last lines:"
        )
    elif NO_PACKAGE in output:
        return NO_PACKAGE_SENTENCE
    return "\n  ".join([problem, *lines[-LAST_LINES:]])
