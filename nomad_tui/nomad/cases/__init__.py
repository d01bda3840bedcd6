"""Tables of known failures: how to recognize each, and how to explain it.

The first matching row is used, so special cases precede general ones. Names in braces are facts that `diagnose` fills
in, such as the server's `{address}`.
"""

from nomad_tui.nomad.cases.answers import LAST_LINES, STATUSES
from nomad_tui.nomad.cases.case import SET_TOKEN, Case, Kind, Trouble
from nomad_tui.nomad.cases.connecting import ERRORS

__all__ = ["ERRORS", "LAST_LINES", "SET_TOKEN", "STATUSES", "Case", "Kind", "Trouble"]
