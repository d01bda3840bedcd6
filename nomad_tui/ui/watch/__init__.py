"""Watch rules in the dashboard: their actions and their page."""
