"""Talking to a Nomad server: addresses, TLS, tokens, the stream itself, and what a failure means."""
