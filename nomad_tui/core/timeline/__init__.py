"""The timeline of an event: its causes and effects, as a tree in chronological order.

`timeline.EventTimeline` reads in slices of time and grows while it is open; `rows.TimelineRow` is one line of it.
"""
