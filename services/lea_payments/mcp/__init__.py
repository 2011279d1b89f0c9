"""The tools with which a sales agent creates, follows and cancels payment links: the MCP server."""
