"""The Event pane: one event as tree, changes, timeline and raw text."""
