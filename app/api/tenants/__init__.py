"""What each reader sees of what the tenants of a service have: the one place where that is decided (ADR-0101).

Routes and pages are made of the ports in `ApiData`. `views.py` puts a view before each of them, which asks who reads;
so no route can forget to, and a port that has none fails a test. Start at `views.py`.
"""

from app.api.tenants.views import SAME_FOR_ALL, seen_by_readers

__all__ = ["SAME_FOR_ALL", "seen_by_readers"]
