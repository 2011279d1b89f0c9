"""Records what the MCP server does."""
