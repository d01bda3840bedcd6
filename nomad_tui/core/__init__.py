"""What an event stream means: no I/O, no Textual, no aiohttp, so all of it is tested with plain values."""
