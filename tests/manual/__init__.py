"""The manual is complete, true and readable."""
