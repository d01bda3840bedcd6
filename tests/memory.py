"""Memory that a test may look at: how much more is held than when it began to look, and at most was meanwhile."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


def alive(kind: type) -> int:
    """How many objects of a kind there are in this process."""
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


class Memory:
    """See `traced`; all in bytes."""

    @property
    def held(self) -> int:
        """Of what was allocated since."""
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    @property
    def most(self) -> int:
        """The most that was held at once since."""
        return tracemalloc.get_traced_memory()[1]


@contextmanager
def traced() -> Iterator[Memory]:
    """Counts what is allocated within; it runs a few times slower."""
    gc.collect()
    tracemalloc.start()
    try:
        yield Memory()
    finally:
        tracemalloc.stop()
