"""The page of the service itself: whether it measures, evaluates and notifies, and with which configuration."""

from app.ui.status.audit import audit_page
from app.ui.status.page import StatusData, status_page

__all__ = ["StatusData", "audit_page", "status_page"]
