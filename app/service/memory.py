"""How the process uses memory: few collections of garbage, small pages."""

import ctypes
import gc
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
# From <sys/prctl.h> and <malloc.h>, which Python has no names for.
_PR_SET_THP_DISABLE = 41
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Above the arrays of a piece of history (4 MB for 100 SLIs of ten series): with 1 MiB the kernel mapped and cleared
# each of them again, a third of the CPU of a backfill. Below answers of tens of megabytes, which are to go at once.
_LARGE_BLOCK_BYTES = 16 * 1024 * 1024
_ARENAS = 2


def settle_memory() -> None:
    """Set what the interpreter and the kernel do by default and what does not suit a ledger; to be called once."""
    # An evaluation makes many objects that live until the next one and hardly any cycles. With 700, Python's own
    # figure, the collector would look through all of them several times an evaluation.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    if sys.platform == "linux":
        # Rows are rings of which an evaluation writes one cell each. In pages of two megabytes every ring would be
        # resident as a whole from the first evaluation on: 1.8 GB instead of 0.8 GB for 10,000 SLOs.
        ctypes.CDLL(None).prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
        _give_back_what_is_free()


def trim_memory() -> None:
    """Return the pages that are free between blocks in use to the kernel; takes a millisecond for 1,000 SLOs."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def _give_back_what_is_free() -> None:
    """Have glibc return freed memory; left alone, it keeps more of it the larger the blocks were that it has seen."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        # Another C library, such as musl, has no such options and returns memory by itself.
        return
    # Setting them switches off that both grow, up to 32 and 64 MiB, with every answer of that size.
    set_option(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
    set_option(_M_TRIM_THRESHOLD, _LARGE_BLOCK_BYTES)
    # By default every thread that decodes an answer gets an arena of its own, and keeps what it freed there.
    set_option(_M_ARENA_MAX, _ARENAS)
