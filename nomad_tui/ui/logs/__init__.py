"""The page of a task's logs."""
