"""Limits that are defaults of options. In a module of their own so that `--help` loads nothing else."""

from typing import Final

DEFAULT_MAX_LINE: Final = 64 * 1024 * 1024
"""Bytes. Far above any frame seen, far below what would exhaust an operator's memory."""
DEFAULT_MAX_EVENTS: Final = 1_000_000
DEFAULT_MAX_BYTES: Final = 512 * 1024 * 1024
"""Bytes of compressed frames, columns and subjects; the program itself needs some 60 MB more."""
SMALLEST_JOURNAL: Final = 1024 * 1024
"""Bytes."""
