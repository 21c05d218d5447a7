"""The pages of error budget policies: what services may do now, exceptions, and the log of the gate's decisions.

Start at `page.py`; `services.py` asks the gate for every service, `query.py` is what an address asks for.
"""

from app.ui.policy.page import PolicyData, policy_pages

__all__ = ["PolicyData", "policy_pages"]
