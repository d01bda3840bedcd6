"""The trace of an event: what else happened because of it, as a tree in time order.

`Trace` reads in slices of time and grows while it is open; `TraceRow` is one line of it.
"""

from nomad_tui.core.trace.rows import RowKind, TraceRow
from nomad_tui.core.trace.trace import Trace

__all__ = ["RowKind", "Trace", "TraceRow"]
