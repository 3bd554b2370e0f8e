"""The C library's allocator, told that what a relay frees it will soon want again."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
KEPT = 16 * 1024 * 1024
"""Bytes that are kept free at the heap's end."""
LARGE = 4 * 1024 * 1024
"""Bytes of what is mapped by itself; no read of a socket is that large."""


def keep_freed_memory() -> None:
    """Keep the memory of groups of pictures that are over for those that follow.

    Otherwise each goes back to the kernel, and each page of the next costs a fault: half of all that relaying takes. The
    allocators of other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT)
        mallopt(_M_MMAP_THRESHOLD, LARGE)
