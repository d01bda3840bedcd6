"""Event sinks: definitions of where events go, and what brings them there with nothing lost."""
