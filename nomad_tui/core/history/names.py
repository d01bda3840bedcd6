"""What people call an object that an event names by its ID, from the newest event held of that object."""

from collections import OrderedDict
from typing import Final

from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import ObjectKey
from nomad_tui.core.objects.parts import SUBJECT_LIMIT
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.text import printable

MOST_KEPT: Final = 5_000
"""Names kept for the next time they are asked for."""
DEFAULT_NAMESPACE: Final = "default"


class Names:
    """Cheap enough to be asked for every row on the screen: what is known is a look into two dictionaries."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._known: OrderedDict[ObjectKey, tuple[int, str]] = OrderedDict()

    def name(self, topic: str, id_: str, namespace: str = "") -> str:
        """`web.frontend[1]`, `web v3`, `edge-1`; fit to be drawn, and "" for what is not known.

        Takes a topic's released name. Without a namespace, an object that has one is looked for in `default`.
        """
        if not id_:
            return ""
        key = (topic, (namespace or DEFAULT_NAMESPACE) if kind(topic).is_namespaced else "", id_)
        newest = self._history.newest(*key)
        if newest is None:
            return printable(self._history.node_name(id_), SUBJECT_LIMIT) if topic == "Node" else ""
        known = self._known.get(key)
        if known is None or known[0] != newest:
            known = self._known[key] = newest, self._read(key, newest)
            if len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        return known[1]

    def _read(self, key: ObjectKey, newest: int) -> str:
        of = kind(key[0])
        return printable(of.called(of.links(self._history.payload(newest))), SUBJECT_LIMIT)
