"""Delivery of a journal's events to one receiver: batches, retries, cursors, dead letters."""
