"""A payload as something to look at: parsed exactly, flattened to rows, annotated for a reader.

`parse` reads the bytes that came, `flatten` gives the rows that a `Folding` lets through, and `annotation` says
what a raw number means. All of it is pure and knows no widget, so a diff or a search can stand on the same rows.
"""

from nomad_tui.core.payload.annotations import SEPARATOR, annotation
from nomad_tui.core.payload.parsing import Members, Number, Payload, Raw, RawText, Value, parse
from nomad_tui.core.payload.rows import Folding, Kind, Path, Rows, Step, flatten

__all__ = [
    "SEPARATOR",
    "Folding",
    "Kind",
    "Members",
    "Number",
    "Path",
    "Payload",
    "Raw",
    "RawText",
    "Rows",
    "Step",
    "Value",
    "annotation",
    "flatten",
    "parse",
]
