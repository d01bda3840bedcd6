"""The runner: all sinks of a journal in one process, with log, metrics and health checks."""
