"""IDs of messages that a stream is known to hold, many of them in little memory."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, overload

DIGEST: Final = 16
"""Bytes kept of each: enough that two are never taken for the same one."""
GATHERED: Final = 32 * 1024
"""IDs kept in a set before they are packed."""
MOST: Final = 2 * 1024 * 1024
"""IDs, of 16 bytes each, before the oldest are forgotten."""


class KnownIds:
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._gathered: set[bytes] = set()
        self._packed: deque[_Sorted] = deque()
        self.forgotten = 0

    def __contains__(self, message: str) -> bool:
        digest = _digest(message)
        return digest in self._gathered or any(digest in each for each in self._packed)

    def __len__(self) -> int:
        return len(self._gathered) + sum(map(len, self._packed))

    def add(self, message: str) -> None:
        self._gathered.add(_digest(message))
        if len(self._gathered) >= GATHERED:
            self._packed.append(_Sorted(b"".join(sorted(self._gathered))))
            self._gathered.clear()
            while len(self._packed) > 1 and len(self) > self._most:
                self.forgotten += len(self._packed.popleft())


class _Sorted(Sequence[bytes]):
    """Digests one after another in one piece of memory."""

    def __init__(self, digests: bytes) -> None:
        self._digests = digests

    def __len__(self) -> int:
        return len(self._digests) // DIGEST

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._digests[index * DIGEST : (index + 1) * DIGEST]

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, bytes):
            return False
        place = bisect_left(self, digest)
        return place < len(self) and self[place] == digest


def _digest(message: str) -> bytes:
    return blake2b(message.encode("utf-8", "replace"), digest_size=DIGEST).digest()
