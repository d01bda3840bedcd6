"""How fast the dashboard is, as ratios to a bare loop in the same run. `python -m tests.bench --help` says more.

The stand-in server sends `load` over loopback from a process of its own. A bare loop reads it with aiohttp and decodes
it with `msgspec.Raw`; then the real dashboard reads it, drawing on a pseudo-terminal of 180×50 that somebody empties.
"""
