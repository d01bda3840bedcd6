"""The exact difference of two payloads: applied to the first, it results in the second.

The order of keys is ignored, because servers shuffle them. List items are matched by identifying members, such as
`Name`, or else by value, so that an insertion is a single addition. Nothing here recurses, raises or takes quadratic
time: payloads may be 900 levels deep and contain lists of any length.
"""

from nomad_tui.core.changes.comparing import applied, difference
from nomad_tui.core.changes.model import Change, ChangeKind, Changes, Mark, Marks, Place

__all__ = ["Change", "ChangeKind", "Changes", "Mark", "Marks", "Place", "applied", "difference"]
