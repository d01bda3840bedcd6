"""Filters applied to a history: the rows shown, the counts of facets, and the values that exist."""
