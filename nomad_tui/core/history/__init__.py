"""The events kept in memory, addressed by sequence number, and values derived from them."""
