"""Event sinks: their definitions, and delivery without loss."""
