"""Limits that options have as their defaults, apart from what needs them so that `--help` loads nothing else."""

from typing import Final

DEFAULT_MAX_LINE: Final = 64 * 1024 * 1024
"""Bytes. Far above any frame seen, far below what would exhaust an operator's machine."""
DEFAULT_MAX_EVENTS: Final = 1_000_000
DEFAULT_MAX_BYTES: Final = 512 * 1024 * 1024
"""Bytes of compressed frames, columns and subjects; the program itself needs some 60 MB beside them."""
SMALLEST_JOURNAL: Final = 1024 * 1024
"""Bytes."""
