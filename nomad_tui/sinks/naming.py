"""What is called how in a definition, and what was meant by a name that is none."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nomad_tui.sinks.definition import Kind
from nomad_tui.sinks.keys import BY_ATTRIBUTE, KEYS, TABLES, Dialect, folded
from nomad_tui.sinks.written import Misplaced, Place

_ALSO_CALLED: Final = {
    "name": "id",
    "kind": "kind",
    "url": "address",
    "path": "address",
    "servers": "address",
    "namespace": "namespaces",
}
"""Settings by what others call them."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Of one definition."""

    dialect: Dialect
    folder: Path | None
    """Where relative paths begin; None leaves them as they are."""
    within: str = ""
    """What stands before each place, such as `sink[1].`."""

    def name(self, attribute: str) -> str:
        return BY_ATTRIBUTE[attribute].names[self.dialect]

    def place(self, name: str) -> Place:
        return Place(self.within + name, self.folder)

    def place_of(self, attribute: str) -> Place:
        return self.place(self.name(attribute))

    def written(self, attribute: str, value: str) -> str:
        """An example of a setting as it is written in this dialect."""
        name = self.name(attribute)
        return f'{name} = "{value}"' if self.dialect is Dialect.TOML else f'"{name}": "{value}"'

    def missing(self, attribute: str, example: str = "") -> Misplaced:
        kinds = ", ".join(kind.value for kind in Kind)
        if attribute == "kind":
            return self.place_of("kind").mistake(
                f"is missing: write {self.written('kind', 'webhook')}; there are {kinds}"
            )
        return self.place_of(attribute).mistake(
            f"is missing: write {self.written(attribute, example or 'deployments')}"
        )

    def meant(self, name: str) -> str:
        """What to write instead of an unknown name."""
        known = [key.names[self.dialect] for key in KEYS]
        if name == "sink":
            return "leave [[sink]] out, which stands in config.toml only; a file defines one sink"
        called = _ALSO_CALLED.get(_plain(name))
        if called is not None:
            return f"write `{self.within}{self.name(called)}`, or leave it out"
        inner = TABLES[self.dialect].get(folded(name.partition(".")[0], self.dialect))
        members = {_plain(each.partition(".")[2]): each for each in reversed(known) if "." in each}
        if inner is not None:
            plain = {short: each for short, each in members.items() if each.startswith(f"{inner}.")}
        else:
            plain = members | {_plain(each): each for each in (*TABLES[self.dialect].values(), *known)}
        for close in difflib.get_close_matches(_plain(name.rpartition(".")[2]), plain, 1):
            return f"write `{self.within}{plain[close]}`, or leave it out"
        if inner is not None:
            return self.members(inner)
        every = dict.fromkeys(each.partition(".")[0] for each in known)
        return f"leave it out; there are {', '.join(every)}"

    def members(self, table: str) -> str:
        names = [key.names[self.dialect] for key in KEYS]
        return f"it may hold {', '.join(name.partition('.')[2] for name in names if name.startswith(f'{table}.'))}"


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
