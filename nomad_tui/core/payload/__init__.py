"""A payload as something to look at: parsed exactly, flattened to rows, annotated for a reader.

`parse` reads the bytes that came, `flatten` gives the rows that a `Folding` lets through, `Showing` tells what they
say without the secrets, and `annotation` what a raw number means. All of it is pure and knows no widget.
"""

from nomad_tui.core.payload.annotations import SEPARATOR, Names, annotation, is_time, name_of
from nomad_tui.core.payload.decoding import Decoded, decode
from nomad_tui.core.payload.parsing import Members, Number, Payload, Raw, RawText, Value, parse
from nomad_tui.core.payload.rows import Kind, Path, Rows, Step

# These need `nomad_tui.core.secrets`, which itself needs those above.
from nomad_tui.core.payload.folding import Folding  # isort: skip
from nomad_tui.core.payload.flattening import KeyOrder, flatten  # isort: skip
from nomad_tui.core.payload.showing import Showing, Texts, without_secrets, written  # isort: skip

__all__ = [
    "SEPARATOR",
    "Decoded",
    "Folding",
    "KeyOrder",
    "Kind",
    "Members",
    "Names",
    "Number",
    "Path",
    "Payload",
    "Raw",
    "RawText",
    "Rows",
    "Showing",
    "Step",
    "Texts",
    "Value",
    "annotation",
    "decode",
    "flatten",
    "is_time",
    "name_of",
    "parse",
    "without_secrets",
    "written",
]
