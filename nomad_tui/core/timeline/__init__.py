"""The trace of an event: what else happened because of it, as a tree in time order.

`trace.Trace` reads in slices of time and grows while it is open; `rows.TraceRow` is one line of it.
"""
