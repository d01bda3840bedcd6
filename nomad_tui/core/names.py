"""What people call an object that an event names by its ID, from the newest event held of that object."""

from collections import OrderedDict
from typing import Final

from nomad_tui.core.history import History
from nomad_tui.core.related import read_links
from nomad_tui.core.segment import ObjectKey
from nomad_tui.core.sentence.parts import SUBJECT_LIMIT
from nomad_tui.core.text import printable

MOST_KEPT: Final = 5_000
"""Names kept for the next time they are asked for."""
DEFAULT_NAMESPACE: Final = "default"
NAMED: Final = frozenset(("Allocation", "Deployment", "Job", "Node"))


class Names:
    """Cheap enough to be asked for every row on the screen: what is known is a look into two dictionaries."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._known: OrderedDict[ObjectKey, tuple[int, str]] = OrderedDict()

    def name(self, topic: str, id_: str, namespace: str = "") -> str:
        """`web.frontend[1]`, `web v3`, `edge-1`; fit to be drawn, and "" for what is not known.

        Takes a topic's released name. Without a namespace, an object that has one is looked for in `default`.
        """
        if not id_ or topic not in NAMED:
            return ""
        if topic == "Node":
            namespace = ""
        key = (topic, namespace or (DEFAULT_NAMESPACE if topic != "Node" else ""), id_)
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
        topic, _, _ = key
        links = read_links(topic, self._history.payload(newest))
        if topic != "Deployment":
            return printable(links.name, SUBJECT_LIMIT)
        return printable(f"{links.job_id} v{links.job_version}", SUBJECT_LIMIT) if links.job_id else ""
