"""The meaning of an event stream, free of I/O, Textual and aiohttp: everything here can be tested with plain values."""
