"""Lets a coverage-guided fuzzer (atheris) look for documents that crash or hang the loader: `make soak`.

    python -m tests.soak.fuzz_documents RUNS

It begins with the documents of the tests and goes on from every one that reaches code which none has reached before.
A crash, a document that takes 20 s, or 2 GB of memory ends it with that document and an exit code that is not 0.
"""

import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

_SEEDS = Path(__file__).parents[1] / "documents"
_INSTRUMENTED = ["app.documents", "app.yamldoc", "app.promql", "app.sli"]
# Between two files of one folder: composites and OpenSLO's objects refer to each other.
_NEXT_FILE = b"\n# next file\n"


def main(runs: int) -> None:
    """Try that many documents."""
    # In a group of its own: nothing else needs it.
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=_INSTRUMENTED):
        documents: Any = importlib.import_module("app.documents")
    folder, corpus = Path(tempfile.mkdtemp(prefix="fuzzed-")), Path(tempfile.mkdtemp(prefix="corpus-"))
    for i, seed in enumerate(sorted(_SEEDS.rglob("*.yaml"))):
        shutil.copy(seed, corpus / f"{i}.yaml")

    def load(data: bytes) -> None:
        for old in folder.iterdir():
            old.unlink()
        for i, part in enumerate(data.split(_NEXT_FILE)[:3]):
            (folder / f"{i}.yaml").write_bytes(part)
        result = documents.load_documents(folder)
        warnings = documents.lint(result.slos, result.places)
        for found in (*result.errors, *result.warnings, *warnings):
            if not (str(found).isprintable() and found.problem and found.file.is_relative_to(folder)):
                raise AssertionError(repr(found))

    limits = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=4096", f"-artifact_prefix={corpus}/"]
    atheris.Setup([sys.argv[0], f"-runs={runs}", *limits, str(corpus)], load)
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]))
