"""What the dashboard and `tail` ask of whatever events come from."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from nomad_tui.core.updates import Update


class Source(Protocol):
    """A live server or a recording; its reader cannot tell which."""

    @property
    def name(self) -> str:
        """What is being watched, for the header: a cluster's address, a file's name. Untrusted text."""
        ...

    @property
    def live(self) -> bool:
        """False for a recording, whose events did not happen when they are read."""
        ...

    def scope(self, region: str | None) -> str:
        """Which part of it is watched, given the region the server is in: `global · all namespaces`."""
        ...

    def updates(self) -> AsyncGenerator[Update, None]:
        """Everything that happens, until there is nothing more to come.

        Expected trouble is an update, never an exception. Closing the generator closes what it holds open.
        """
        ...


@runtime_checkable
class Watchable(Protocol):
    """A source that can leave topics out while it is read, to spare the server and the network."""

    def watch(self, topics: frozenset[str] | None) -> None:
        """The topics whose events are wanted, by released names; None for all."""
        ...


@runtime_checkable
class Stored(Protocol):
    """A source that is read from files, wholly or in part."""

    @property
    def files(self) -> Sequence[Path]:
        """Those that the next run can read again; none for a pipe."""
        ...
