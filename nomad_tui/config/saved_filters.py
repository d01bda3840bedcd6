"""Named filters and their function keys: presets, and filters saved by the operator.

`filters.toml` may be edited by hand; unknown keys are kept, comments are not:

    forgotten = ["deployments"]   # presets that are not wanted

    [filters."web trouble"]
    filter = "job:=web status:=failed,lost"
    key = "F7"

A filter with a preset's name replaces the preset.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from nomad_tui.config.folders import FileError, read_text, shown, write_text
from nomad_tui.core.filter import Filter, FilterError
from nomad_tui.core.search.facets import only
from nomad_tui.core.text import printable

FILE: Final = "filters.toml"
KEYS: Final = tuple(f"F{number}" for number in range(1, 9))
LONGEST_NAME: Final = 40

PRESETS: Final[dict[str, str]] = {
    "failures": "status:=failed,lost",
    "deployments": "topic:=Deployment",
    "node trouble": 'topic:=Node (status:=down,disconnected or Node.SchedulingEligibility == "ineligible")',
    "placements blocked": "topic:=Evaluation (status:=blocked or Evaluation.FailedTGAllocs is not empty)",
    "out of memory": "topic:=Allocation oom-killed",
}
"""Filters by name, in the order in which they get the free keys."""
MINE: Final = "mine"
"""The preset for the operator's own namespace."""


class SavedFilter(msgspec.Struct, frozen=True):
    name: str
    text: str
    key: str | None = None
    """One of `KEYS`."""
    preset: bool = False
    """True for a preset that the operator has not replaced."""


class _Entry(msgspec.Struct, frozen=True):
    filter: str
    key: str | None = None


class SavedFilters:
    def __init__(self, folder: Path | None = None, namespace: str = "") -> None:
        """`folder` None keeps them in memory only; `namespace` is the operator's own, if any."""
        self._file = None if folder is None else folder / FILE
        self._presets = dict(PRESETS)
        if namespace not in ("", "*"):
            self._presets[MINE] = str(only(Filter.parse(""), "ns", namespace))
        self.trouble = ""
        """The first mistake in the file, as a sentence."""
        self._content: dict[str, Any] = {}
        self.filters: tuple[SavedFilter, ...] = ()
        """The operator's own filters, then presets."""
        try:
            self._content = self._read()
        except FileError as error:
            self.trouble = str(error)
        self._arrange()

    def with_key(self, key: str) -> SavedFilter | None:
        return next((each for each in self.filters if each.key == key.upper()), None)

    def named(self, name: str) -> SavedFilter | None:
        return next((each for each in self.filters if each.name == name), None)

    def save(self, name: str, text: str, key: str | None = None) -> None:
        """Adds a filter, or replaces the one of that name. Its key is removed from the filter that had it.

        Raises `FileError` for an invalid name, and if the file cannot be read or written; it is then unchanged.
        """
        name = printable(name.strip())
        if not name or len(name) > LONGEST_NAME:
            raise FileError(f"A name has 1 to {LONGEST_NAME} characters.")
        content = self._read()
        for other in _entries(content).values():
            if key is not None and isinstance(other, dict) and other.get("key") == key:
                del other["key"]
        before = _entries(content).get(name)
        entry: dict[str, Any] = {**(before if isinstance(before, dict) else {}), "filter": text}
        entry.pop("key", None)
        if key is not None:
            entry["key"] = key
        content["filters"] = {**_entries(content), name: entry}
        content["forgotten"] = [each for each in _forgotten(content) if each != name]
        self._write(content)

    def forget(self, name: str) -> None:
        """Removes a filter; a removed preset does not return. Raises `FileError` as `save` does."""
        content = self._read()
        content["filters"] = {each: entry for each, entry in _entries(content).items() if each != name}
        if name in self._presets:
            content["forgotten"] = [*(each for each in _forgotten(content) if each != name), name]
        self._write(content)

    def rename(self, name: str, to: str, key: str | None = None) -> None:
        """Renames a filter and sets its key. Raises `FileError` as `save` does, and if the name is taken."""
        to = printable(to.strip())
        found = self.named(name)
        if found is None:
            return
        if to != name and self.named(to) is not None:
            raise FileError(f"Another filter is named {to}; forget that one first.")
        self.save(to, found.text, key)
        if to != name:
            self.forget(name)

    def _read(self) -> dict[str, Any]:
        text = None if self._file is None else read_text(self._file)
        if self._file is None or text is None:
            return self._content if self._file is None else {}
        import tomllib

        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            what = printable(str(error))
            raise FileError(f"{shown(self._file)} is invalid and ignored: {what}.") from error
        for name, kind in (("filters", dict), ("forgotten", list)):
            if not isinstance(content.get(name, kind()), kind):
                table = "a table of filters" if kind is dict else "a list of names"
                raise FileError(f"{shown(self._file)} is invalid and ignored: `{name}` must be {table}.")
        return content

    def _write(self, content: dict[str, Any]) -> None:
        content = {name: value for name, value in content.items() if value or name not in ("filters", "forgotten")}
        if self._file is not None:
            try:
                import tomli_w

                write_text(self._file, tomli_w.dumps(content))
            except FileError as error:
                raise FileError(f"{error} The saved filters are unchanged.") from error
        self._content = content
        self._arrange()

    def _arrange(self) -> None:
        own: dict[str, SavedFilter] = {}
        taken: set[str] = set()
        for name, entry in _entries(self._content).items():
            found = self._validated(name, entry, taken)
            if found is not None:
                own[found.name] = found
                taken |= {found.key} if found.key else set()
        free = iter([key for key in KEYS if key not in taken])
        unwanted = {*own, *_forgotten(self._content)}
        presets = [
            SavedFilter(name, text, next(free, None), preset=True)
            for name, text in self._presets.items()
            if name not in unwanted
        ]
        self.filters = (*own.values(), *presets)

    def _validated(self, name: str, entry: object, taken: set[str]) -> SavedFilter | None:
        """One filter of the file, without its key if that is invalid."""
        try:
            found = msgspec.convert(entry, _Entry)
            Filter.parse(found.filter)
        except msgspec.ValidationError as error:
            self._report(name, str(error).replace(" - at `$.", " at `"))
            return None
        except FilterError as error:
            self._report(name, f"at character {error.position + 1}: {error}")
            return None
        key = None if found.key is None else found.key.upper()
        if key is not None and key not in KEYS:
            self._report(name, f'its key may be {KEYS[0]} to {KEYS[-1]}, not "{found.key}"')
            key = None
        elif key in taken:
            self._report(name, f"another filter has {key} already")
            key = None
        return SavedFilter(printable(name, LONGEST_NAME), printable(found.filter), key)

    def _report(self, name: str, what: str) -> None:
        if not self.trouble and self._file is not None:
            self.trouble = printable(f'{self._file}, filter "{name}": {what.rstrip(".")}.', 500)


def _entries(content: Mapping[str, Any]) -> dict[str, Any]:
    found = content.get("filters", {})
    return found if isinstance(found, dict) else {}


def _forgotten(content: Mapping[str, Any]) -> list[str]:
    found = content.get("forgotten", [])
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
