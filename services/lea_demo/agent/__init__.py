"""Lets an agent sell with the tools of `lea-payments mcp` in the demo."""
