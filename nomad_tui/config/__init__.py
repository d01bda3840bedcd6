"""Settings, profiles and connections: what the operator configured, and where the files are."""
