"""The types of sinks, one module each."""
