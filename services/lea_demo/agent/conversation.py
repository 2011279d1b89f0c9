"""A scripted conversation: an agent sells a policy with the tools of `lea-payments mcp`, and its customer pays."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from mcp import Client as McpClient
from mcp import MCPError, StdioServerParameters, types

from lea_demo.client import CallError, Client
from lea_demo.flow import Check, check
from lea_payments.commands.console.terminal import Terminal

PRODUCT = "Travel insurance, Japan, 10 days"
REMEDY = "start `make demo` in another terminal, or use --checkout and --pages"


@dataclass
class Conversation:
    """One sale. `variables` are those of the tools' process, `cards` what the customer pays with, in this order."""

    client: Client
    console: Terminal
    variables: Mapping[str, str]
    amount: int
    currency: str
    cards: Sequence[str]
    report: dict[str, Any] = field(default_factory=lambda: {"link": None, "payment": None, "success_page": None})

    def run(self) -> Mapping[str, Any]:
        """Talks until the customer has paid or a call has failed. Prints what is said, and returns the report."""
        try:
            checks = asyncio.run(self._talk())
        except* (CallError, MCPError, OSError) as errors:
            checks = [check("all calls succeed", ok=False, remedy=str(errors.exceptions[0]))]
        for item in checks:
            self.console.print(f"✓ {item['name']}" if item["ok"] else f"✗ {item['name']}")
            if not item["ok"]:
                self.console.print(f"  → {item['remedy']}")
        ok = all(item["ok"] for item in checks)
        self.console.print("All checks passed." if ok else "Not all checks passed.")
        return {"ok": ok, **self.report, "checks": checks}

    async def _talk(self) -> Sequence[Check]:
        price = f"{self.amount} minor units of {self.currency.upper()}"
        self._say("customer", "I fly to Japan for ten days. What does the insurance cost?")
        self._say("agent", f"{PRODUCT}: {price}. Shall I send you the link?")
        self._say("customer", "Yes, please.")
        order = {
            "user_id": "user_42",
            "quote_id": f"quote_{token_hex(4)}",
            "amount": self.amount,
            "currency": self.currency,
            "product_name": PRODUCT,
        }
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "lea_payments", "mcp"], env={**self.variables}
        )
        async with McpClient(server, elicitation_callback=self._show_link) as client:
            self._say("agent", f"calls collect_payment for {order['quote_id']}")
            result = await client.call_tool("collect_payment", order)
        return await self._check(result)

    async def _show_link(
        self,
        context: Any,  # noqa: ARG002 - the SDK passes it by name
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        """Hands the link over, as a client does when the tool asks for it, and the customer pays."""
        assert isinstance(params, types.ElicitRequestURLParams)
        self.report["link"] = params.url
        self._say("agent", f"Please pay here: {params.url}")
        for card in self.cards:
            decline = await asyncio.to_thread(self.client.pay, params.url, {"card": card})
            self._say("customer", f"pays with the card …{card[-4:]}: {decline or 'accepted'}")
        return types.ElicitResult(action="accept")

    async def _check(self, result: types.CallToolResult) -> Sequence[Check]:
        content = result.structured_content or {}
        payment = self.report["payment"] = content.get("payment")
        if payment is None:
            error = content.get("error", {})
            return [
                check("collect_payment succeeds", ok=False, remedy=f"{error.get('message', result.content)} {REMEDY}")
            ]
        is_paid = payment["status"] == "completed"
        self._say("agent", "You are insured. Have a good trip!" if is_paid else f"The payment is {payment['status']}.")
        remedy = f"`lea-payments show {payment['payment_id']}` lists its events"
        checks = [check("collect_payment says that the customer has paid", ok=is_paid, remedy=remedy)]
        session = str(self.report["link"]).rpartition("/")[2]
        heading = self.report["success_page"] = await asyncio.to_thread(self.client.success_heading, session)
        said = f"it says “{heading}”: read the pages' log"
        return [
            *checks,
            check("the success page says “Payment received”", ok=heading == "Payment received", remedy=said),
        ]

    def _say(self, who: str, text: str) -> None:
        self.console.print(f"{who:<9} {text}")
