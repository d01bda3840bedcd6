"""The recorded streams for tests, pictures and benchmarks.

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
    """Return the path of the compressed recording `name`: tour, beta, hostile, markup, load or large-job."""
    for folder in _FOLDERS:
        candidate = folder / f"{name}.ndjson.zst"
        if candidate.exists():
            return candidate
    raise FileNotFoundError(name)


@cache
def content(name: str) -> bytes:
    """Return the recording as the server sent it: a frame or heartbeat per line; the last line may be cut."""
    with path(name).open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read()


def lines(name: str) -> list[bytes]:
    """Return the recording's lines without line feeds."""
    return content(name).split(b"\n")


def frames(name: str, most: int | None = None) -> list[Frame]:
    """Yield the first `most` readable frames, or all."""
    read = (frame for line in lines(name) if isinstance(frame := decode(line), Frame))
    return list(islice(read, most))


def held(name: str) -> History:
    """Return a history with all frames of a recording."""
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
