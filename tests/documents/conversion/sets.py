"""The documents that tests convert: our own of every tool, those that refer to each other together."""

from pathlib import Path

_DOCUMENTS = Path(__file__).parents[1]
KINDS = Path(__file__).parent / "fixtures" / "kinds.yaml"
"""Every kind of SLI, and every key of a native document with another value than the usual one."""
SETS: dict[str, list[Path]] = {
    **{f"native {file.stem}": [file] for file in sorted((_DOCUMENTS / "fixtures").glob("*-good.*"))},
    **{
        tool: sorted(file for file in (_DOCUMENTS / tool / "fixtures").glob("*.yaml") if "bad" not in file.stem)
        for tool in ("sloth", "pyrra", "nobl9")
    },
    # Two sets, since the SLO is the same in both.
    "openslo": sorted((_DOCUMENTS / "openslo" / "fixtures").glob("[iv]*.yaml")),
    "openslo references": sorted((_DOCUMENTS / "openslo" / "fixtures").glob("referred*.yaml")),
    "kinds": [KINDS],
    "names": [KINDS.with_name("names.yaml")],
    "config": [Path("config/slos")],
}
