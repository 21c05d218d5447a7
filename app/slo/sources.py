"""Names of sources: the Prometheis, and what answers like them, that SLIs are counted from."""

from typing import Final

DEFAULT_SOURCE: Final = "default"
"""The source of SLOs that name none."""
SOURCE_LABEL: Final = "__source__"
"""The label by which series of another source than the default one are told apart once they were read."""
