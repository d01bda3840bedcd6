"""Settings, profiles and connections that the operator configures, and where their files are."""
