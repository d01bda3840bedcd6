"""The stream of one cluster: subscribe, reconnect, resume, fail over, merge. Yields Updates."""
