"""Lets clients that only use plain HTTP start quickly: reading trusted certificates takes more time than a request."""

import ssl

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. As `verify` of an HTTP client, it is read by none of its requests."""
