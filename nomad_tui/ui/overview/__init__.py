"""The page of `0` and `O`: what needs attention, jobs, nodes and activity."""
