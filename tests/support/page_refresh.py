"""Reads from a page when it refreshes without JavaScript."""

import html
import re

_REFRESH = re.compile('<noscript><meta http-equiv="refresh" content="([0-9]+); url=(.*?)"></noscript>')


def refresh_of(page: str) -> tuple[str, str] | None:
    """The seconds until the page refreshes and the URL that it refreshes to, or None if it does not."""
    match = _REFRESH.search(page)
    return (match[1], html.unescape(match[2])) if match else None
