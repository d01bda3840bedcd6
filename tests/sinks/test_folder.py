"""The definitions in an operator's folder: all are read, none affects another, and changes are detected."""

import os
import stat
from pathlib import Path

import pytest

from nomad_tui.config.folders import FileError
from nomad_tui.config.settings import read_profiles, read_settings
from nomad_tui.sinks.definition.definition import Kind
from nomad_tui.sinks.definition.folder import Definitions, NoSinkError, shown_address
from nomad_tui.sinks.definition.reading import DefinitionErrors

BETA = (
    '{"ID": "beta", "Type": "webhook", "Topics": {"Deployment": ["*"]}, "Address": "http://[::1]/", "LatestIndex": 7}'
)


def webhook(id: str, address: str = "https://example.com") -> str:  # noqa: A002
    return f'id = "{id}"\ntype = "webhook"\naddress = "{address}"\n'


def folder(config: Path, **files: str) -> Definitions:
    """Create a folder with files by name, in which `__` stands for the dot before the suffix."""
    definitions = Definitions(config)
    definitions.folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (definitions.folder / name.replace("__", ".")).write_text(text)
    return definitions


def mistakes(definitions: Definitions) -> str:
    return "\n".join(str(mistake) for mistake in definitions.read().mistakes)


# Reading


def test_without_a_folder_there_is_no_sink(tmp_path: Path) -> None:
    definitions = Definitions(tmp_path / "none")
    assert definitions.read().definitions == {}
    assert definitions.read().mistakes == []
    assert definitions.signature() == Definitions(tmp_path / "none").signature()


def test_sinks_are_read_from_toml_json_and_the_settings(tmp_path: Path) -> None:
    definitions = folder(tmp_path, b__toml=webhook("web"), a__json=BETA)
    (tmp_path / "config.toml").write_text("""
[ui]
columns = ["time"]
[[sink]]
id = "out"
type = "stdout"
[[sink]]
id = "log"
type = "file"
address = "events.ndjson"
[sink.file]
keep = 3
""")
    loaded = definitions.read()
    assert list(loaded.definitions) == ["beta", "web", "out", "log"]
    assert loaded.mistakes == []
    assert list(loaded.notes) == ["beta"]
    log = loaded.definitions["log"]
    assert (log.address, log.rotation.keep) == (str(tmp_path / "events.ndjson"), 3)
    assert log.origin == tmp_path / "config.toml"
    assert loaded.definitions["beta"].origin == definitions.folder / "a.json"


def test_a_mistake_does_not_affect_other_sinks(tmp_path: Path) -> None:
    definitions = folder(
        tmp_path,
        good__toml=webhook("good"),
        syntax__toml="id = ",
        setting__json='{"ID": "other", "Type": "webhook", "Address": "https://x", "Batch": {"MaxEvents": 0}}',
    )
    (definitions.folder / "latin.toml").write_bytes(b"\xff")
    (definitions.folder / "folder.toml").mkdir()
    (definitions.folder / "link.toml").symlink_to("nowhere.toml")
    os.mkfifo(definitions.folder / "pipe.json")
    loaded = definitions.read()
    assert list(loaded.definitions) == ["good"]
    found = {mistake.sink: str(mistake) for mistake in loaded.mistakes}
    assert found.keys() == {"syntax", "other", "latin", "folder", "link", "pipe"}
    assert "setting.json: `Batch.MaxEvents` is 0: write a whole number from 1 to 10,000" in found["other"]
    assert (
        "syntax.toml: is not TOML: invalid value (at end of document)" in found["syntax"] or "line 1" in found["syntax"]
    )
    assert "latin.toml cannot be read: it is not UTF-8 at byte 0. Save it as UTF-8." in found["latin"]
    assert "pipe.json is not a regular file, so it defines no sink." in found["pipe"]
    assert "link.toml links to a file that does not exist." in found["link"]


def test_backup_files_of_editors_are_ignored(tmp_path: Path) -> None:
    definitions = folder(tmp_path, x__toml=webhook("x"))
    before = definitions.signature()
    for name in ("x.toml~", ".x.toml.swp", "#x.toml#", ".#x.toml", "4913", "x.toml.bak", ".hidden.json"):
        (definitions.folder / name).write_text(webhook("x"))
    assert list(definitions.read().definitions) == ["x"]
    assert definitions.read().mistakes == []
    assert definitions.signature() == before


def test_two_sinks_with_the_same_id_are_both_refused_and_named(tmp_path: Path) -> None:
    definitions = folder(tmp_path, a__toml=webhook("web"), b__toml=webhook("web"), c__toml=webhook("other"))
    assert list(definitions.read().definitions) == ["other"]
    assert f"{definitions.folder / 'a.toml'} and {definitions.folder / 'b.toml'}: the sink web is defined" in mistakes(
        definitions
    )
    assert [mistake.sink for mistake in definitions.read().mistakes] == ["web"]


def test_a_mistake_in_a_table_of_the_settings_has_its_position(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[[sink]]\nid = "a"\ntype = "stdout"\n[[sink]]\nid = "b"\ntype = "stdout"\nbatch.max_events = 0\n'
    )
    definitions = Definitions(tmp_path)
    assert list(definitions.read().definitions) == ["a"]
    assert "config.toml: `sink[1].batch.max_events` is 0" in mistakes(definitions)


@pytest.mark.parametrize("text", ["[[sink]]\nid = 3\n", "sink = 3\n", "[sink]\nid = 'a'\n"])
def test_a_mistake_in_a_sink_does_not_affect_other_settings(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'{text}[ui]\ncolumns = ["time"]\n[profile.prod]\n')
    assert read_settings(tmp_path).ui.columns == ("time",)
    assert list(read_profiles(tmp_path)) == ["prod"]
    assert "config.toml" in mistakes(Definitions(tmp_path))


def test_settings_that_are_not_toml_do_not_affect_definition_files(tmp_path: Path) -> None:
    definitions = folder(tmp_path, x__toml=webhook("x"))
    (tmp_path / "config.toml").write_text("[list")
    assert list(definitions.read().definitions) == ["x"]
    assert "config.toml is invalid" in mistakes(definitions)


def test_an_address_is_shown_without_its_password(tmp_path: Path) -> None:
    definitions = folder(
        tmp_path, x__toml=webhook("x", "https://ann:hunter2@example.com"), o__toml='id="o"\ntype="stdout"'
    )
    loaded = definitions.read()
    assert "hunter2" not in shown_address(loaded.definitions["x"])
    assert shown_address(loaded.definitions["o"]) == "standard output"


# Changes


def test_every_change_of_a_file_is_detected(tmp_path: Path) -> None:
    definitions = folder(tmp_path, x__toml=webhook("x"))
    seen = [definitions.signature()]

    def changed() -> bool:
        seen.append(definitions.signature())
        return seen[-1] != seen[-2]

    assert not changed()
    file = definitions.folder / "x.toml"
    file.write_text(webhook("x", "https://example.org"))
    assert changed()
    (definitions.folder / "y.json").write_text(BETA)
    assert changed()
    (tmp_path / "config.toml").write_text('[[sink]]\nid = "a"\n')
    assert changed()
    other = tmp_path / "other"
    other.write_text(file.read_text())
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert changed(), "another file of the same size and time"
    file.unlink()
    assert changed()
    assert not changed()


# Registering


def test_a_definition_is_stored_unchanged_in_a_private_file(tmp_path: Path) -> None:
    definitions = Definitions(tmp_path / "nomad-tui")
    text = f"# mine\n{webhook('web')}"
    definition, file, replaced = definitions.register(text)
    assert (definition.kind, definition.origin, replaced) == (Kind.WEBHOOK, file, False)
    assert file == definitions.folder / "web.toml"
    assert file.read_text() == text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert definitions.register(BETA)[1] == definitions.folder / "beta.json"
    assert list(definitions.read().definitions) == ["beta", "web"]


def test_a_definition_with_the_same_id_is_replaced_in_any_file(tmp_path: Path) -> None:
    definitions = folder(tmp_path, mine__toml=webhook("web"))
    _, file, replaced = definitions.register(webhook("web", "https://example.org"))
    assert (file, replaced) == (definitions.folder / "mine.toml", True)
    assert definitions.read().definitions["web"].address == "https://example.org"
    _, file, replaced = definitions.register('{"ID": "web", "Type": "stdout"}')
    assert (file, replaced) == (definitions.folder / "web.json", True)
    assert [each.name for each in definitions.folder.iterdir()] == ["web.json"]


def test_registering_again_replaces_a_file_with_a_mistake(tmp_path: Path) -> None:
    definitions = folder(tmp_path, web__toml="id = ")
    assert definitions.register(webhook("web"))[2]
    assert list(definitions.read().definitions) == ["web"]
    assert definitions.read().mistakes == []


def test_a_definition_with_a_mistake_is_not_stored(tmp_path: Path) -> None:
    definitions = folder(tmp_path, web__toml=webhook("web"))
    with pytest.raises(DefinitionErrors, match=r"Standard input: `address` is missing"):
        definitions.register('id = "web"\ntype = "webhook"', "Standard input")
    assert (definitions.folder / "web.toml").read_text() == webhook("web")


def test_another_sinks_file_is_not_overwritten(tmp_path: Path) -> None:
    definitions = folder(tmp_path, web__toml=webhook("db"))
    with pytest.raises(FileError, match=r"web\.toml defines another sink, db\. Rename that file"):
        definitions.register(webhook("web"))
    assert (definitions.folder / "web.toml").read_text() == webhook("db")


def test_definitions_in_the_settings_are_not_changed(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f"[[sink]]\n{webhook('web')}")
    definitions = Definitions(tmp_path)
    for refused in (lambda: definitions.register(webhook("web")), lambda: definitions.deregister("web")):
        with pytest.raises(FileError, match=r"The sink web is a \[\[sink\]\] of .*config\.toml\. Change or remove"):
            refused()
    assert list(definitions.read().definitions) == ["web"]


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "sinks").write_text("a file in the way")
    definitions = Definitions(tmp_path)
    with pytest.raises(FileError, match="cannot be written"):
        definitions.register(webhook("web"))
    assert "cannot be read" in mistakes(definitions)


# Deregistering


def test_a_sink_is_deregistered_from_any_file_even_with_a_mistake(tmp_path: Path) -> None:
    definitions = folder(tmp_path, mine__toml=webhook("web"), broken__toml="id = ", keep__toml=webhook("keep"))
    assert definitions.deregister("web") == definitions.folder / "mine.toml"
    assert definitions.deregister("broken") == definitions.folder / "broken.toml"
    assert list(definitions.read().definitions) == ["keep"]
    assert definitions.read().mistakes == []


def test_one_of_two_sinks_with_the_same_id_is_not_deregistered(tmp_path: Path) -> None:
    definitions = folder(tmp_path, a__toml=webhook("web"), b__toml=webhook("web"))
    with pytest.raises(FileError, match=r"The sink web is defined in .*a\.toml and .*b\.toml\. Remove all but one\."):
        definitions.deregister("web")


def test_a_missing_sink_cannot_be_deregistered(tmp_path: Path) -> None:
    with pytest.raises(NoSinkError, match=r"No sink web is defined\. `nomad-tui sink list` lists those that are\."):
        Definitions(tmp_path).deregister("web")
