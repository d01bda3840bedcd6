"""Filters applied to a history: matching rows, counts for the facets, and known values."""
