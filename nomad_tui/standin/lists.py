"""The lists beside the stream: what a recording's events have left of its objects."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson

from nomad_tui.core.filter import Filter, FilterError, compile_all
from nomad_tui.standin.access import EVERY_NAMESPACE, Token
from nomad_tui.standin.http import Answer, Request
from nomad_tui.standin.recording import Recording, events

TOPICS: Final = {
    "/v1/allocations": "Allocation",
    "/v1/deployments": "Deployment",
    "/v1/evaluations": "Evaluation",
    "/v1/nodes": "Node",
}
"""By path, the topic whose events bring what it lists."""
_DELETED: Final = frozenset(("NodeDeregistration",))

_OMITTED: Final[Mapping[str, dict[str, Any]]] = {"Allocation": {"NextAllocation": ""}}
"""Members that events leave out while they are empty, and that a server's filter compares all the same."""

Objects = Mapping[tuple[str, str], dict[str, Any]]
"""By namespace and ID."""


class Lists:
    """The state of the objects at an index of the recording's first pass; later passes come to the same states."""

    def __init__(self) -> None:
        self._index = -1
        self._objects: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}

    def objects(self, recording: Recording, newest_index: int, topic: str) -> Objects:
        """The objects of a topic, the first to come first."""
        rise = max(0, newest_index - recording.lowest_index) // recording.span * recording.span
        index = newest_index - rise
        if index != self._index:
            self._index, self._objects = index, {topic: {} for topic in TOPICS.values()}
            for frame in recording.frames:
                if frame.index is not None and frame.index <= index:
                    self._take(frame.sent)
        return self._objects[topic]

    def _take(self, line: bytes) -> None:
        for envelope, text in events(line)[1]:
            of_topic = self._objects.get(envelope.topic)
            if of_topic is None:
                continue
            found = (orjson.loads(text).get("Payload") or {}).get(envelope.topic)
            place = envelope.namespace, envelope.key
            if envelope.type in _DELETED:
                of_topic.pop(place, None)
            elif isinstance(found, dict):
                of_topic[place] = _OMITTED.get(envelope.topic, {}) | found


def answer(request: Request, token: Token, objects: Objects, index: int) -> Answer:
    """One page of a list, as `filter`, `namespace`, `per_page` and `next_token` ask for."""
    topic = TOPICS[request.path]
    wanted = request.first("namespace") or "default"
    listed: Iterable[tuple[tuple[str, str], dict[str, Any]]] = sorted(objects.items(), key=lambda item: item[0][1])
    if topic != "Node":
        listed = [
            (place, each)
            for place, each in listed
            if wanted in (EVERY_NAMESPACE, place[0]) and token.may_in(place[0], "read-job")
        ]
    try:
        root = Filter.parse(request.first("filter")).root
    except FilterError as error:
        return Answer.text(HTTPStatus.BAD_REQUEST, f"failed to read filter expression: {error}")
    if root is not None:
        holds = compile_all((root,))
        listed = [(place, each) for place, each in listed if holds(orjson.dumps({topic: each}), topic)[0]]
    page = [(key, each) for (_, key), each in listed if key >= request.first("next_token")]
    per_page = request.first("per_page")
    size = int(per_page) if per_page.isascii() and per_page.isdigit() and int(per_page) else len(page)
    found = Answer.json([each for _, each in page[:size]], index)
    if len(page) > size:
        return Answer(
            found.status, found.body, found.content_type, {**found.headers, "X-Nomad-NextToken": page[size][0]}
        )
    return found
