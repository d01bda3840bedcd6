"""The pages of the sinks."""
