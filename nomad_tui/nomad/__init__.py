"""HTTP client for Nomad servers: addresses, TLS, tokens, the event stream, and diagnosis of failures."""
