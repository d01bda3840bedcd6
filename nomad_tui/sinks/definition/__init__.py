"""Sink definitions: read, checked, written."""
