"""Describes the checkout API as a whole for OpenAPI; the routes describe themselves."""

from collections.abc import Mapping
from typing import Any

from lea_payments import __version__

DESCRIPTION: Mapping[str, Any] = {
    "version": __version__,
    "summary": "Creates payments and the links to pay them.",
    "description": "Creates payments and the links to pay them. Every error has the same body, with a stable code. A "
    "request that is not valid HTTP, or comes too slowly, is answered before it is read, in plain text. In every "
    "enumeration of an answer, a new version of the API can add values.",
    "license_info": {"name": "Proprietary - Ancileo", "identifier": "LicenseRef-Proprietary-Ancileo"},
    "servers": [{"url": "/", "description": "The service that sent this description."}],
    "openapi_tags": [
        {"name": "payments", "description": "Payments and their links."},
        {"name": "health", "description": "The probes of Kubernetes."},
    ],
}
