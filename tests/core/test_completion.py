"""Suggestions while a filter is typed."""

from collections.abc import Iterable
from time import process_time
from typing import Any

import pytest

from nomad_tui.core.filter import Filter, FilterError
from nomad_tui.core.payload import parse
from nomad_tui.core.search.completion import Candidate, Vocabulary, complete
from nomad_tui.core.search.paths import MAX_MEMBERS, Paths, condition
from nomad_tui.core.wire import Frame, decode
from tests import recordings


class Known:
    """A fixed vocabulary."""

    def __init__(self) -> None:
        self.paths = Paths()
        self.statuses: dict[str, int] = {"running": 120, "failed": 12, "blocked": 3, "lost at sea": 1}

    def values(self, field: str) -> Iterable[tuple[str, int | None]]:
        if field == "status":
            return list(self.statuses.items())
        if field == "job":
            return [("web", 9), ("batch-web", 4), ("a,b", 2), ("\x1b[2J", 1)]
        return []


@pytest.fixture(scope="module")
def known() -> Vocabulary:
    known = Known()
    known.paths.learn(
        b'{"Allocation": {"ClientStatus": "failed", "ClientDescription": "", "ModifyIndex": 7, "Healthy": true,'
        b' "Node": {"Attributes": {"os.name": "ubuntu", "arch": "arm64"}}, "Tags": ["a"]}}'
    )
    return known


def suggested(text: str, known: Vocabulary, *, asked: bool = False) -> list[str]:
    """Return what the text, with the cursor at `|`, would become."""
    cursor = text.index("|")
    whole = text.replace("|", "")
    completion = complete(whole, cursor, known, asked=asked)
    if completion is None:
        return []
    return [whole[: completion.start] + each.text + whole[cursor:] for each in completion.candidates]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("st|", ["status:"]),
        ("web ST|", ["web status:"]),
        ("(st|", ["(status:"]),
        ("-st|", ["-status:"]),
        ("names|", ["ns:"]),
        ("st| web", ["status: web"]),
        ("status:|", ["status:running", "status:failed", "status:blocked", 'status:"lost at sea"']),
        ("status:f|", ["status:failed"]),
        ("status:=l|", ['status:="lost at sea"', "status:=failed", "status:=blocked"]),
        ("status:x,f|", ["status:x,failed"]),
        ('status:"lost a|', ['status:"lost at sea"']),
        ("job:web|", ["job:batch-web"]),
        ('job:"|', ["job:web", "job:batch-web", 'job:"a,b"']),
        ("Alloc|", ["alloc:", "Allocation."]),
        ("Client|", ["ClientDescription ", "ClientStatus "]),
        ("Allocation.Cl|", ["Allocation.ClientDescription ", "Allocation.ClientStatus "]),
        ("allocation.|", []),
        ("Node.Attributes.|", ["Node.Attributes.arch ", 'Node.Attributes["os.name"] ']),
        ('Node.Attributes["os|', ['Node.Attributes["os.name"] ']),
        ("ClientStatus i|", ["ClientStatus is empty", "ClientStatus is not empty"]),
        ("ClientStatus is |", ["ClientStatus is empty", "ClientStatus is not empty"]),
        ("ClientStatus not |", ["ClientStatus not contains ", "ClientStatus not matches "]),
        ("ClientStatus == |", ['ClientStatus == "failed"']),
        ("ClientStatus==|", ['ClientStatus=="failed"']),
        ('-ClientStatus != "f|', ['-ClientStatus != "failed"']),
        ("Allocation.ModifyIndex == |", ["Allocation.ModifyIndex == 7"]),
        ("Allocation.Healthy == |", ["Allocation.Healthy == true"]),
        ("nowhere.at.all |", []),
        ("sta|tus", []),
        ("~st|", []),
        ("/st|", []),
        ('"st|', []),
        ("status:/f|", []),
        ("index:>|", []),
        ("|", []),
        ("web |", []),
    ],
)  # fmt: skip
def test_matching_candidates_are_suggested(text: str, expected: list[str], known: Vocabulary) -> None:
    assert suggested(text, known) == expected


def test_every_operator_is_suggested_after_a_path(known: Vocabulary) -> None:
    found = complete("ClientStatus ", 13, known)
    assert found is not None
    assert [each.label for each in found.candidates][:3] == ["==", "!=", "contains"]
    assert all(each.note for each in found.candidates)


def test_fields_are_listed_on_request(known: Vocabulary) -> None:
    assert "status:" in suggested("|", known, asked=True)
    assert "web status:" in suggested("web |", known, asked=True)


def test_values_have_their_counts(known: Vocabulary) -> None:
    found = complete("status:f", 8, known)
    assert found is not None
    assert found.candidates[0] == Candidate("failed", "failed", count=12)


def test_suggestions_after_a_complete_term_can_be_parsed(known: Vocabulary) -> None:
    for text in ("status:|", "job:|", 'status:=failed,"|', "ClientStatus == |", 'Node.Attributes["os|'):
        for whole in suggested(text, known):
            Filter.parse(whole + ("== 1" if whole.endswith(" ") else ""))


@pytest.mark.parametrize("name", ["tour", "hostile", "large-job"])
def test_every_path_of_a_recording_can_be_typed_and_parsed(name: str) -> None:
    known = Known()
    for line in recordings.lines(name):
        frame = decode(line)
        for event in frame.events if isinstance(frame, Frame) else ():
            known.paths.learn(bytes(event.payload))
    texts = ["", "A", "Job", "Allocation.", "Job.TaskGroups", "Node.Attributes.", 'Node.Attributes["', "ClientStatus "]
    for text in texts:
        for whole in suggested(f"{text}|", known):
            assert whole.isprintable()
            if whole.endswith(" "):
                try:
                    Filter.parse(whole + ("1" if whole.split()[-1] in ("==", "!=", "contains", "matches") else "== 1"))
                except FilterError as error:
                    raise AssertionError(whole) from error


@pytest.mark.parametrize(
    "text", ["x" * 100_000, '"' * 3_000, "(" * 3_000, "status:" * 500, "a.b" * 1_000, "\\" * 3_000, 'status:"\\']
)
def test_no_text_delays_typing(text: str, known: Vocabulary) -> None:
    began = process_time()
    for cursor in (len(text), 0, len(text) // 2):
        complete(text, cursor, known)
    assert process_time() - began < 0.5


def test_only_part_of_a_large_map_is_remembered() -> None:
    paths = Paths()
    paths.learn(b'{"Node": {%s}}' % b", ".join(b'"%d": {"a": 1}' % number for number in range(5_000)))
    found = paths.find("Node")
    assert found is not None
    assert len(found.members) == MAX_MEMBERS


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"null", b'{"a": \xff}', b"[" * 5_000, b'{"a":' * 2_000])
def test_a_payload_that_is_not_an_object_adds_no_suggestions(payload: bytes) -> None:
    paths = Paths()
    paths.learn(payload)
    assert paths.root.members == {}


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        (b'{"Job": {"ID": "web"}}', ("Job", "ID"), 'Job.ID == "web"'),
        (b'{"Job": {"ID": "a\\"b"}}', ("Job", "ID"), 'Job.ID == "a\\"b"'),
        (b'{"Job": {"Count": 3}}', ("Job", "Count"), 'Job.Count == "3"'),
        (b'{"Job": {"Stop": false}}', ("Job", "Stop"), 'Job.Stop == "false"'),
        (b'{"Job": {"Meta": null}}', ("Job", "Meta"), "Job.Meta is nil"),
        (b'{"Job": {"Meta": {}}}', ("Job", "Meta"), "Job.Meta is empty"),
        (b'{"Job": {"Meta": {"os.name": "x"}}}', ("Job", "Meta"), "Job.Meta is not empty"),
        (b'{"Job": {"Meta": {"os.name": "x"}}}', ("Job", "Meta", "os.name"), 'Job.Meta["os.name"] == "x"'),
        (b'{"Job": {"Tasks": [{"Name": "t"}]}}', ("Job", "Tasks", 0, "Name"), 'Job.Tasks.0.Name == "t"'),
        (b'{"Job": {"ID": "\\u001b"}}', ("Job", "ID"), 'Job.ID == "\\x1b"'),
        (b"nonsense", (0,), None),
    ],
)
def test_a_value_of_a_payload_as_a_condition(payload: bytes, path: tuple[str | int, ...], expected: str | None) -> None:
    value: Any = parse(payload).value
    for step in path:
        value = value[step]
    term = condition(path, value)
    assert term == expected
    if term is not None:
        assert str(Filter.parse(term)) == term
        Filter.parse(f"not {term}")
