"""The state of a cluster as far as events prove it: a fold over events, its snapshots, and what came when."""
