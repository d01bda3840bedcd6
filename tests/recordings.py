"""The recorded streams that tests, pictures and the benchmark run on.

All come from Nomad 2.0.6 except `beta` (the 1.0-beta dialect) and `hostile` (written by hand: escape
sequences, markup, wrong types, deep, wide and 3 MB values, invalid UTF-8, lines that are not JSON). `markup` is the
flaky job of `tour` as it was recorded, whose message holds escape sequences and markup.
"""

from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

import nomad_tui
from nomad_tui.core.history.history import History
from nomad_tui.core.wire import Frame, decode

_FOLDERS: Final = (Path(__file__).parent / "data", Path(nomad_tui.__file__).parent / "data")


def path(name: str) -> Path:
    """The compressed recording `name`: tour, beta, hostile, markup, load or large-job."""
    for folder in _FOLDERS:
        candidate = folder / f"{name}.ndjson.zst"
        if candidate.exists():
            return candidate
    raise FileNotFoundError(name)


@cache
def content(name: str) -> bytes:
    """The recording as a server sent it: frames and heartbeats, one a line, the last one perhaps cut."""
    with path(name).open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read()


def lines(name: str) -> list[bytes]:
    """The recording's lines without their line feeds."""
    return content(name).split(b"\n")


def frames(name: str, most: int | None = None) -> list[Frame]:
    """The first so many frames that can be read, or all."""
    read = (frame for line in lines(name) if isinstance(frame := decode(line), Frame))
    return list(islice(read, most))


def held(name: str) -> History:
    """All frames of a recording."""
    history = History()
    for frame in frames(name):
        history.append(frame, 0)
    return history


def frame_of(line: bytes) -> Frame:
    frame = decode(line)
    assert isinstance(frame, Frame)
    return frame


def frame(index: int, *events: dict[str, Any]) -> Frame:
    return frame_of(orjson.dumps({"Index": index, "Events": events}))
