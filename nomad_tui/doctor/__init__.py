"""Diagnoses the connection, token and event stream: checks in order, each with a verdict and a remedy."""
