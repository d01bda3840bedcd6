"""Reads, checks and writes sink definitions."""
