"""Every trouble that is known, as tables: how it shows itself, and what to say.

The first row that fits is taken, so a special case precedes a general one. The names in braces are facts
that `diagnose` fills in, such as the server's `{address}`.
"""

from nomad_tui.nomad.cases.answers import LAST_LINES, STATUSES
from nomad_tui.nomad.cases.case import SET_TOKEN, Case, Kind, Trouble
from nomad_tui.nomad.cases.connecting import ERRORS

__all__ = ["ERRORS", "LAST_LINES", "SET_TOKEN", "STATUSES", "Case", "Kind", "Trouble"]
