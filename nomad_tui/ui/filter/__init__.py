"""The filter line, and the filter that is applied."""
