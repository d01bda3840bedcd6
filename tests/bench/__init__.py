"""Measures the dashboard's speed as ratios to a bare loop in the same run; see `python -m tests.bench --help`.

The stand-in server sends `load` over loopback from its own process. A bare loop reads it with aiohttp and decodes it
with `msgspec.Raw`; then the real dashboard reads it and draws on a pseudo-terminal of 180×50, which is always drained.
"""
