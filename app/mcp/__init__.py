"""SLOs for assistants, by the Model Context Protocol at `/mcp`: each tool is a request to our own HTTP API.

So answers, limits and what a token allows are those of the API. Imported only where the endpoint is switched on.
Start at `tools.py`.
"""

from app.mcp.endpoint import AssistantEndpoint, allowed_hosts

__all__ = ["AssistantEndpoint", "allowed_hosts"]
