"""The Events pane: the list of events."""
