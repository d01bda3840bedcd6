"""A payload as something to look at: parsed exactly, flattened to rows, annotated for a reader.

`parse` reads the bytes that came, `flattening.flatten` gives the rows that a `Folding` lets through, `showing.Showing`
their texts without the secrets, and `annotation` the meaning of a raw number. What needs `core.secrets`, which needs
this package, is imported from its module.
"""

from nomad_tui.core.payload.annotations import SEPARATOR, Names, annotation, is_time, name_of
from nomad_tui.core.payload.parsing import Decoded, Members, Number, Payload, Raw, RawText, Value, decode, parse
from nomad_tui.core.payload.rows import Folding, Kind, Path, Rows, Step

__all__ = [
    "SEPARATOR",
    "Decoded",
    "Folding",
    "Kind",
    "Members",
    "Names",
    "Number",
    "Path",
    "Payload",
    "Raw",
    "RawText",
    "Rows",
    "Step",
    "Value",
    "annotation",
    "decode",
    "is_time",
    "name_of",
    "parse",
]
