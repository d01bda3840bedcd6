"""The difference of two payloads, exact: what it says, put to the one, gives the other.

Order of keys means nothing, because servers shuffle them. Items of a list are matched by what names them, such as
`Name`, else by their values, so that an insertion is one addition. Nothing here recurses, raises or takes time in the
square of anything: payloads may be 900 levels deep and have lists of any length.
"""

from nomad_tui.core.changes.comparing import applied, difference
from nomad_tui.core.changes.model import Change, ChangeKind, Changes, Mark, Marks, Place

__all__ = ["Change", "ChangeKind", "Changes", "Mark", "Marks", "Place", "applied", "difference"]
