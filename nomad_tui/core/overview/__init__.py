"""The state of a cluster as proved by events: a fold over them, its snapshots, and activity over time."""
