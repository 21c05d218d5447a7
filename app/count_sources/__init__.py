"""Services that answer how many events there were in each interval: Datadog, New Relic.

Each client answers queries as `app.ingest` asks a source, for ranges only. Start at `client.py`; what differs between
the services is in `datadog.py` and `newrelic.py`, and both raise the errors of `app.prometheus`.
"""

from app.count_sources.access import CountAccess, open_count_client
from app.count_sources.client import CountClient
from app.count_sources.service import CountService, datadog_service, newrelic_service

__all__ = ["CountAccess", "CountClient", "CountService", "datadog_service", "newrelic_service", "open_count_client"]
