"""How much memory the kernel maps anew, in a process of its own: the settings of an allocator last as long as it."""

import subprocess
import sys

from testbed.service import REPOSITORY

_PIECES_OF_HISTORY = """
import resource, runpy
import numpy as np

# Its package would import the whole service.
memory = runpy.run_path("app/service/memory.py")
memory["settle_memory"]()

def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def count() -> int:
    before = faults()
    pieces = [np.ones(400_000) for _ in range(4)]
    return faults() - before

count()
print(sum(count() for _ in range(6)))
memory["trim_memory"]()
print(count())
"""
_PAGES_OF_A_PIECE = 4 * 400_000 * 8 // 4096


def test_arrays_of_a_piece_of_history_use_the_memory_of_the_last_one_until_it_is_returned() -> None:
    """Mapped and cleared anew for each piece, they took a third of the CPU of a backfill."""
    command = [sys.executable, "-c", _PIECES_OF_HISTORY]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    again, after_trimming = map(int, printed.split())
    assert again < _PAGES_OF_A_PIECE
    assert after_trimming > _PAGES_OF_A_PIECE // 2
