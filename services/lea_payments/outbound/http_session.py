"""Creates sessions of `requests` that leave the machine in the same way as all other clients."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from lea_payments.outbound.way import authorities, proxy_for

CONNECTIONS = 32


class OutboundSession(requests.Session):
    """A session that takes its proxy and its certificate authorities from `way`, and no password from `.netrc`.

    `own_bundle` is the file of the client that uses the session, which is replaced.
    """

    def __init__(self, own_bundle: str | None = None) -> None:
        super().__init__()
        self.trust_env = False
        self._own_bundle = own_bundle
        for prefix in ("http://", "https://"):
            self.mount(prefix, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """The settings of one request, which `requests` would take from the environment by rules of its own."""
        proxy = proxy_for(str(url))
        proxies = {**(proxies or {}), **({"http": proxy.url, "https": proxy.url} if proxy else {})}
        verify = self.verify if verify is None else verify
        if verify in (True, self._own_bundle):
            verify = authorities()
        return {"proxies": proxies, "stream": stream, "verify": verify, "cert": cert or self.cert}
