"""The dictionaries of a history's columns: a column holds small numbers, and these say what they stand for.

A hostile server may send any number of names, of any length: beyond the bounds they share one number.
"""

from typing import Final

from nomad_tui.core.history.segment import Node
from nomad_tui.core.topics import released_type

MOST_TYPES: Final = 10_000
LONGEST_TYPE: Final = 200
"""Distinct type names that are kept, and characters of one; servers send 36."""
OTHER_TYPE: Final = 0
"""The number of all types beyond those bounds; their names are in the frames' lines."""
MOST_STATUSES: Final = 4_000
MOST_NODES: Final = 100_000
LONGEST_NAME: Final = 200
"""Characters of a status, and of a node's ID or name."""
NAME_BYTES: Final = 250
"""Of a status or a node beside its characters, estimated."""
OTHER: Final = "(other)"


class Dictionaries:
    """Types, statuses and nodes by their numbers in the columns."""

    def __init__(self) -> None:
        self.bytes = 0
        """Of statuses and nodes, estimated."""
        self.types: list[str] = ["(another type)"]
        self.type_numbers: dict[str, int] = {}
        """By the name as sent."""
        self.statuses: list[str] = [""]
        """0 is none."""
        self.nodes: list[Node] = [Node("", "")]
        self._status_numbers: dict[str, int] = {"": 0}
        self._node_numbers: dict[str, int] = {"": 0}

    def add_type(self, name: str) -> int:
        """The number of a type that has none yet."""
        if len(self.type_numbers) >= MOST_TYPES or len(name) > LONGEST_TYPE:
            return OTHER_TYPE
        number = self.type_numbers[name] = len(self.types)
        self.types.append(released_type(name))
        return number

    def status(self, status: str) -> int:
        number = self._status_numbers.get(status)
        if number is None:
            if len(self.statuses) > MOST_STATUSES or len(status) > LONGEST_NAME:
                status = OTHER
            number = self._status_numbers.get(status)
        if number is None:
            number = self._status_numbers[status] = len(self.statuses)
            self.statuses.append(status)
            self.bytes += NAME_BYTES + len(status)
        return number

    def node(self, id_: str, name: str) -> int:
        if len(id_) > LONGEST_NAME or len(name) > LONGEST_NAME:
            id_ = name = OTHER
        number = self._node_numbers.get(id_ or name)
        if number is None:
            if len(self.nodes) > MOST_NODES:
                id_ = name = OTHER
            number = self._node_numbers.get(id_ or name)
        if number is None:
            number = self._node_numbers[id_ or name] = len(self.nodes)
            self.nodes.append(Node(id_, name))
            self.bytes += NAME_BYTES + len(id_) + len(name)
        elif name and number and self.nodes[number].name != name:
            self.bytes += len(name) - len(self.nodes[number].name)
            self.nodes[number].name = name
        return number

    def node_name(self, node: str) -> str:
        """The name of a node by its ID, where a decoded event had it; "" otherwise."""
        return self.nodes[self._node_numbers.get(node, 0)].name if node else ""
