"""The events held: what is kept of each, addressed by sequence number, and what is derived from them."""
