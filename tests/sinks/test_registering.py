"""Storing an edited definition: only without mistakes, and only over the text that was edited."""

from pathlib import Path

import pytest

from nomad_tui.config.folders import FileError
from nomad_tui.sinks.definition.folder import Definitions
from nomad_tui.sinks.definition.reading import DefinitionErrors
from nomad_tui.sinks.types.registering import revise
from nomad_tui.ui.sinks.editing import settings_mistakes
from tests.runner import define

GOOD = 'type = "webhook"\naddress = "https://example.com"\n'


def mistakes(tmp_path: Path, file: Path, sink: str, text: str) -> list[str]:
    before = file.read_text()
    with pytest.raises(DefinitionErrors) as raised:
        revise(Definitions(tmp_path), file, sink, before, text)
    assert file.read_text() == before
    return [str(error) for error in raised.value.errors]


def test_a_definition_with_mistakes_changes_nothing(tmp_path: Path) -> None:
    file = define(tmp_path, "web", GOOD)
    define(tmp_path, "other", GOOD)
    template = 'format = "template"\ntemplate = "{{ sentense }}"\n'
    assert "sentense" in mistakes(tmp_path, file, "web", f'id = "web"\n{GOOD}{template}')[0]
    assert "a sink keeps its ID" in mistakes(tmp_path, file, "web", f'id = "new"\n{GOOD}')[0]
    assert len(mistakes(tmp_path, file, "web", 'id = "web"\ntype = "webhook"\na = 1\nb = 2\n')) == 3
    file.write_text("not TOML")
    assert "another file defines" in mistakes(tmp_path, file, "web", f'id = "other"\n{GOOD}')[0]
    revise(Definitions(tmp_path), file, "web", "not TOML", f'id = "web"\n{GOOD}')
    assert Definitions(tmp_path).read().definitions.keys() == {"web", "other"}


def test_a_file_that_changed_meanwhile_is_kept(tmp_path: Path) -> None:
    file = define(tmp_path, "web", GOOD)
    before = file.read_text()
    file.write_text(f"{before}# by somebody else\n")
    with pytest.raises(FileError, match="changed by another program"):
        revise(Definitions(tmp_path), file, "web", before, f"{before}timeout = 5\n")
    assert "by somebody else" in file.read_text()


def test_a_sink_of_the_settings_is_edited_there(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    first = f'[ui]\ntheme = "nomad-light"\n# mine\n[[sink]]\nid = "web"\n{GOOD}'
    file.write_text(first)
    second = f'{first}[[sink]]\nid = "b"\ntype = "slack"\naddress = "x"\n'
    assert "sink[1].address" in mistakes(tmp_path, file, "web", second)[0]
    assert "is not TOML" in mistakes(tmp_path, file, "web", "[[sink]")[0]
    revise(Definitions(tmp_path), file, "web", first, first.replace("nomad-light", "nomad"))
    assert "# mine" in file.read_text() and 'theme = "nomad"' in file.read_text()


def test_old_mistakes_elsewhere_in_the_settings_are_reported_and_do_not_keep_an_edit_from_being_stored(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config.toml"
    wrong = '[[sink]]\nid = "b"\ntype = "slack"\naddress = "x"\n'
    first = f'{wrong}[[sink]]\nid = "web"\n{GOOD}'
    file.write_text(first)
    second = f'[[sink]]\nid = "new"\n{GOOD}\n{first}timeout = 5\n'
    (known,) = revise(Definitions(tmp_path), file, "web", first, second)
    assert "sink[1].address" in known and file.read_text() == second
    (new,) = mistakes(tmp_path, file, "web", f"{second}colour = 1\n")
    assert "sink[2].colour" in new, "the old mistake is not why it is refused"


def test_settings_are_stored_only_where_no_other_table_is_wrong(tmp_path: Path) -> None:
    wrong = '[ui]\ntheme = "nope"\n[keys]\nquit = ["nokey"]\n[[watch]]\nname = "a"\n'
    found = settings_mistakes(tmp_path / "config.toml", wrong)
    assert len(found) >= 3 and all(str(tmp_path / "config.toml") in each for each in found), found
    assert (
        settings_mistakes(tmp_path / "config.toml", f'[ui]\ntheme = "nomad-light"\n[[sink]]\nid = "web"\n{GOOD}') == []
    )
