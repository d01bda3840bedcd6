"""The timeline of an event: what else happened because of it, as a tree in time order.

`timeline.EventTimeline` reads in slices of time and grows while it is open; `rows.TimelineRow` is one line of it.
"""
