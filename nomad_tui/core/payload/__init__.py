"""Payloads for display: parsed without loss, flattened to rows, annotated for people.

`parse` decodes the bytes, `flattening.flatten` returns the rows that are visible in a `Folding`, `showing.Showing`
their texts without secrets, and `annotation` the meaning of a raw number. Code that depends on `core.secrets`, which
imports this package, is imported from its own module.
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
