"""The dashboard: one Textual application and its panes."""
