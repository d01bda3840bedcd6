"""The overview: its tables, line by line, and its title."""

from rich.cells import cell_len
from textual.content import Content

from nomad_tui.core.overview.index import Talker
from nomad_tui.core.overview.state import GroupFigures, Job, Listing, Node
from nomad_tui.core.updates import Retrying
from nomad_tui.ui.overview import tables
from tests.dashboard import CONNECTED, NARROW, ScriptedSource, dashboard, jobs

NAMES = ("web", "日本語ジョブ", "e\u0301clair", "ｆｕｌｌ" * 20)


def columns(content: Content, figure: str) -> set[int]:
    """Cells at which a number begins, in the lines that contain it."""
    lines = [line for line in content.plain.splitlines() if figure in line]
    assert len(lines) == len(NAMES)
    return {cell_len(line.partition(figure)[0]) for line in lines}


def test_figures_are_aligned_whatever_letters_a_name_has() -> None:
    listed = Listing(
        [Job("default", name, "service", "running", 1, False, {"g": 4}, 1, True, 1) for name in NAMES],
        {("default", name): {"g": GroupFigures(3, 4, 0)} for name in NAMES},
        0,
        [Node(name, name, "ready", True, False, 0, 1) for name in NAMES],
        dict.fromkeys(NAMES, 7),
        0,
    )
    assert len(columns(tables.jobs(listed, {}, 80), "3/4")) == 1
    assert len(columns(tables.nodes(listed, 80), "ready")) == 1
    assert columns(tables.talkers({Talker.JOB: [(name, 77) for name in NAMES]}, 40), "77") == {38}
    assert len(columns(tables.rates({name: [0, 5] for name in NAMES}, 40), "█")) == 1
    lines = tables.rates({"Job": [0, 5], "Node": [2_000, 15]}, 40).plain.splitlines()
    assert len({cell_len(line) for line in lines}) == 1 and lines[0].endswith("     5"), lines


async def test_the_title_names_the_cluster_and_says_that_the_connection_is_lost() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(1, 4)))
    async with dashboard(source, NARROW) as opened:
        await opened.shows(3)
        await opened.press("0")
        await opened.appears("Overview  ● live  nomad.example.com:4646")
        source.send(Retrying("The server closed the stream.", "See whether it restarts.", 7.0, 1))
        await opened.appears("Overview  ○ reconnecting  nomad.example.com:4646")
