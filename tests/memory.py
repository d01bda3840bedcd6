"""Measures memory: what is allocated since a point in time, and the peak since then."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


def alive(kind: type) -> int:
    """Return the number of objects of a class in this process."""
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


class Memory:
    """Returned by `traced`; all values in bytes."""

    @property
    def held(self) -> int:
        """Memory allocated since the start and not freed."""
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    @property
    def most(self) -> int:
        """Peak of `held` since the start."""
        return tracemalloc.get_traced_memory()[1]


@contextmanager
def traced() -> Iterator[Memory]:
    """Trace allocations in the context, which runs a few times slower."""
    gc.collect()
    tracemalloc.start()
    try:
        yield Memory()
    finally:
        tracemalloc.stop()
