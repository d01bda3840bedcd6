"""The effect of keys on the screen."""

import json
from pathlib import Path

from tests.dashboard import event
from tests.terminal.program import Program, running


def test_only_and_not_this_object_do_not_affect_others_with_its_key(tmp_path: Path, home: Path) -> None:
    objects = (("Job", "default"), ("Job", "payments"), ("CSIVolume", "default"))
    file = tmp_path / "same-key.ndjson"
    file.write_text(
        "".join(
            json.dumps({"Index": index, "Events": [{**event(topic, "web"), "Namespace": namespace}]}) + "\n"
            for index, (topic, namespace) in enumerate(objects, 1)
        )
    )
    with running("open", file, size=(100, 30), home=home) as program:
        program.wait_for("held 3").press("g").settle().press("+", "o").wait_for("topic:=Job key:=web ns:=default")
        program.wait_for("Events  1 of 3").press("escape").wait_for("2 Events ──").press("g").settle()
        program.press("-", "o").wait_for("-(topic:=Job key:=web ns:=default)", "Events  2 of 3")


def test_the_edges_of_panes_move_if_panes_are_side_by_side(tour: Path, home: Path) -> None:
    def edges(program: Program) -> tuple[int, int]:
        border = program.lines[1]
        return border.find("╭─ 2"), border.find("╭─ 3")

    def moved(program: Program, facets: int, event: int) -> None:
        program.wait_until(lambda: edges(program) == (facets, event), f"edges at {facets}, {event}")

    with running("open", tour, size=(180, 50), home=home) as program:
        program.wait_for("625").settle()
        facets, event = edges(program)
        moved(program.press("ctrl+right"), facets, event + 4)
        moved(program.press("3", "ctrl+left", "ctrl+left"), facets, event - 4)
        program.press("1", *("ctrl+left",) * 9).wait_until(lambda: edges(program)[0] == 16, "the least width")
        program.press("/").settle().press("web", "ctrl+left").settle().press("x").wait_for("/ xweb").press(
            "escape"
        ).settle()
        program.resize(100, 30)
        moved(program.press("2"), 16, -1)
        program.press("ctrl+right").wait_for("are stacked at this width")
        assert edges(program) == (16, -1)
        program.press("z").settle().press("ctrl+right").wait_for("The pane is zoomed")


def test_the_footer_is_clicked_and_the_palette_finds_synonyms_and_names_keys(tour: Path, home: Path) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").settle()
        program.click(program.lines[-1].index("Zoom"), 29).wait_until(lambda: "Facets" not in program.text, "zoomed")
        program.press("z").wait_for("Facets")
        for typed, found in (
            ("screenshot", "Picture"),
            ("export", "Save                w"),
            ("quit", "Quit                q"),
            ("web", "Copy web UI link"),
        ):
            program.press("ctrl+p", "pagedown").settle().press(typed).wait_for(found).press("escape").settle()


def test_ctrl_c_twice_quits_from_any_page(tour: Path, home: Path) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").press("?").wait_for("── Events").press("ctrl+c").wait_for("Press Ctrl+C again to quit")
        program.press("ctrl+c")
        program.press("ctrl+c")  # the first one may have been too late
        assert program.wait_for_exit() == 0
