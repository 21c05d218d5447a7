"""Names of labels: as series have them, and as every server and receiver reads them."""

import re

_FORBIDDEN_CHARACTER = re.compile(r"[^a-zA-Z0-9_]")
_PREFIX = "exported_"


def classic_label_name(name: str) -> str:
    """The name in the characters that Prometheus 2 and every Alertmanager read.

    >>> classic_label_name("http.route"), classic_label_name("2xx"), classic_label_name("__x")
    ('http_route', 'exported_2xx', 'exported___x')
    """
    legal = _FORBIDDEN_CHARACTER.sub("_", name)
    # Two leading underscores are reserved for Prometheus itself, which drops such labels on ingestion.
    return _PREFIX + legal if legal.startswith("__") or not legal or legal[0].isdigit() else legal
