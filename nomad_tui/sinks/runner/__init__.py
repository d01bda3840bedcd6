"""The runner: every sink of a journal in one process, its log, metrics and health."""
