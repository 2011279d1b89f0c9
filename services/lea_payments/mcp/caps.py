"""Limits what the agent can sell: by call, and by hour for each process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lea_payments.mcp.errors import ToolRefusalError

WINDOW_SECONDS = 3600.0


class Limits(NamedTuple):
    """The caps of one process. Amounts are in minor units, by currency in lower case."""

    max_amount: Mapping[str, int]
    hourly_amount: Mapping[str, int]
    hourly_links: int


class CappedLink(NamedTuple):
    """What a link is counted by: repeated calls for the same payment and money count once."""

    payment_id: str
    amount: int
    currency: str


@dataclass(slots=True)
class _Count:
    """The calls for one link: those without an answer, and whether one of them can have created a link."""

    counted_at: float
    calls: int = 0
    is_kept: bool = False


class Caps:
    """The links of the last hour. A call is counted before checkout is asked, so calls at the same time cannot pass."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._counts: dict[CappedLink, _Count] = {}

    def admit(self, link: CappedLink) -> None:
        """Counts a call. Raises ToolRefusalError if a cap does not allow its link."""
        _check_amount(link, self._limits.max_amount)
        now = self._clock()
        self._forget_older_than(now - WINDOW_SECONDS)
        if link not in self._counts:
            self._check_hour(link)
            self._counts[link] = _Count(now)
        self._counts[link].calls += 1

    def settle(self, link: CappedLink, *, created: bool) -> None:
        """Ends an admitted call. It stays counted for an hour if it has created a link, or can have."""
        count = self._counts[link]
        count.calls -= 1
        if created:
            count.is_kept, count.counted_at = True, self._clock()
        if not count.calls and not count.is_kept:
            del self._counts[link]

    def _forget_older_than(self, moment: float) -> None:
        old = [link for link, count in self._counts.items() if not count.calls and count.counted_at <= moment]
        for link in old:
            del self._counts[link]

    def _check_hour(self, link: CappedLink) -> None:
        if len(self._counts) >= self._limits.hourly_links:
            raise ToolRefusalError(
                "hourly_links_over_cap",
                "This server has created as many links as it may in an hour. Hand over to a person, or try later.",
            )
        used = sum(counted.amount for counted in self._counts if counted.currency == link.currency)
        if used + link.amount > self._limits.hourly_amount[link.currency]:
            raise ToolRefusalError(
                "hourly_amount_over_cap",
                f"With this amount the links of the last hour in {link.currency.upper()} would be over this server's "
                "cap. Hand over to a person, or try again later.",
                param="amount",
            )


def _check_amount(link: CappedLink, max_amount: Mapping[str, int]) -> None:
    cap = max_amount.get(link.currency)
    if cap is None:
        allowed = ", ".join(sorted(currency.upper() for currency in max_amount))
        raise ToolRefusalError("currency_not_allowed", f"This server sells only in {allowed}.", param="currency")
    if link.amount > cap:
        raise ToolRefusalError(
            "amount_over_cap",
            f"One payment is at most {cap} minor units of {link.currency.upper()} here. Hand over to a person.",
            param="amount",
        )
