"""How much an event matters: `failure`, `warning`, `change` or `routine`, each kind of object deciding for its own."""

from nomad_tui.core.objects.beside import NOTHING, Beside
from nomad_tui.core.objects.level import Level, read_level
from nomad_tui.core.objects.registry import kind

__all__ = ["Level", "level", "read_level"]


def level(topic: str, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside = NOTHING) -> Level:
    """Derived from what `core.sentence.describe` is given, and as that it takes any bytes."""
    try:
        return kind(topic).level_of(type_, key, payload, previous, beside)
    except RecursionError:
        return Level.ROUTINE
