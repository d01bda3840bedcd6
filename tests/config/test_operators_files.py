"""The operator's own files: settings, saved filters, filter history. Mistakes in them never prevent a start."""

import os
import stat
from pathlib import Path

import pytest

from nomad_tui.config.folders import FileError, Folders, read_text, write_text
from nomad_tui.config.kept import LONGEST_FILTER, MAX_FILTERS, FilterHistory, Kept, KeptMarks, Mark
from nomad_tui.config.precedence import Profile
from nomad_tui.config.profiles import Connections
from nomad_tui.config.saved_filters import MINE, PRESETS, SavedFilters
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.config.settings import (
    JournalSettings,
    Settings,
    load_settings,
    read_journal,
    read_profiles,
    read_settings,
)


def broken(folder: Path, name: str) -> list[Path]:
    """Unusable files of that name, each in its own folder."""
    contents = {"binary": bytes(range(256)), "huge": b"a" * 2_000_000, "cut": b"\xff\xfe[list"}
    made = []
    for kind, content in contents.items():
        (folder / kind).mkdir()
        (folder / kind / name).write_bytes(content)
        made.append(folder / kind)
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / name)
    (folder / "folder" / name).mkdir(parents=True)
    (folder / "loop").mkdir()
    (folder / "loop" / name).symlink_to(folder / "loop" / name)
    return [*made, folder / "pipe", folder / "folder", folder / "loop"]


def test_the_folders_are_below_those_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere/config")
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/state")
    folders = Folders.of_user()
    assert folders.config.name == folders.state.name == "nomad-tui"


def test_a_file_is_replaced_atomically_and_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "file"
    write_text(file, "first\n")
    write_text(file, "second\n")
    assert read_text(file) == "second\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    link = tmp_path / "link"
    link.symlink_to(file)
    write_text(link, "third\n")
    assert link.is_symlink()
    assert read_text(file) == "third\n"


# The history of filters


def test_filters_are_remembered_from_one_run_to_the_next(tmp_path: Path) -> None:
    history = FilterHistory(tmp_path / "state")
    assert (history.texts, history.trouble) == ((), "")
    for text in ("web", "status:failed", " web ", "", "  "):
        history.remember(text)
    assert history.texts == ("status:failed", "web")
    assert FilterHistory(tmp_path / "state").texts == ("status:failed", "web")


def test_the_history_is_bounded_and_skips_filters_that_are_too_long(tmp_path: Path) -> None:
    history = FilterHistory(tmp_path)
    for number in range(MAX_FILTERS + 20):
        history.remember(f"job-{number}")
    history.remember("x" * (LONGEST_FILTER + 1))
    again = FilterHistory(tmp_path)
    assert len(again.texts) == MAX_FILTERS
    assert again.texts[-1] == f"job-{MAX_FILTERS + 19}"


def test_two_programs_share_the_history(tmp_path: Path) -> None:
    one, other = FilterHistory(tmp_path), FilterHistory(tmp_path)
    one.remember("from one")
    other.remember("from the other")
    one.remember("from one again")
    assert FilterHistory(tmp_path).texts == ("from one", "from the other", "from one again")


def test_an_unreadable_history_starts_empty_and_is_reported(tmp_path: Path) -> None:
    for folder in broken(tmp_path, "filter-history"):
        history = FilterHistory(folder)
        assert not history.texts, folder
        assert "filter-history" in history.trouble
        assert "starts empty" in history.trouble
        aside = folder / "filter-history.unreadable"
        assert "It is kept as filter-history.unreadable." in history.trouble
        assert aside.is_symlink() or aside.exists()
        history.remember("web")
        assert FilterHistory(folder).texts == ("web",)


def test_a_history_that_cannot_be_written_continues_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    history = FilterHistory(tmp_path / "file")
    history.remember("web")
    history.remember("api")
    assert history.texts == ("web", "api")
    assert "until the program ends" in history.trouble


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    history = FilterHistory()
    history.remember("web")
    assert (history.texts, history.trouble, list(tmp_path.iterdir())) == (("web",), "", before)


def test_filters_from_the_history_are_printable(tmp_path: Path) -> None:
    (tmp_path / "filter-history").write_text("web\x1b[2J\nplain\n\n", encoding="utf-8")
    assert all(text.isprintable() for text in FilterHistory(tmp_path).texts)


# Marks


def test_marks_that_cannot_be_read_are_set_aside_before_new_ones_are_written(tmp_path: Path) -> None:
    mark = Mark(7, "Job", "JobRegistered", "default", "web")
    KeptMarks(tmp_path, "/recording").write([mark])
    (file,) = (tmp_path / "marks").iterdir()
    file.write_text("[[7,")
    kept = KeptMarks(tmp_path, "/recording")
    assert kept.read() == []
    assert f"kept as {file.name}.unreadable" in kept.trouble
    kept.write([mark])
    assert KeptMarks(tmp_path, "/recording").read() == [mark]
    assert (tmp_path / "marks" / f"{file.name}.unreadable").read_text() == "[[7,"


# Saved filters


def keys(saved: SavedFilters) -> dict[str, str | None]:
    return {each.name: each.key for each in saved.filters}


def test_presets_have_the_first_keys_and_mine_requires_a_namespace(tmp_path: Path) -> None:
    saved = SavedFilters(tmp_path)
    assert keys(saved) == dict(zip(PRESETS, ("F1", "F2", "F3", "F4", "F5"), strict=True))
    for namespace in ("", "*"):
        assert SavedFilters(tmp_path, namespace).named(MINE) is None
    mine = SavedFilters(tmp_path, "my team").named(MINE)
    assert mine is not None
    assert (mine.text, mine.key) == ('ns:="my team"', "F6")


def test_a_filter_is_saved_found_by_its_key_renamed_and_deleted(tmp_path: Path) -> None:
    saved = SavedFilters(tmp_path)
    saved.save("web", "job:web", "F1")
    assert saved.with_key("f1") == saved.named("web")
    assert keys(saved)["failures"] == "F2", "presets make way"
    saved.save("api", "job:api", "F1")
    assert keys(saved)["web"] is None, "a key has one filter"
    saved.rename("api", "the api", "F8")
    again = SavedFilters(tmp_path)
    assert again.filters == saved.filters
    assert keys(again)["the api"] == "F8"
    assert again.named("api") is None
    again.forget("the api")
    again.forget("failures")
    assert "failures" not in keys(SavedFilters(tmp_path))
    assert "the api" not in keys(SavedFilters(tmp_path))
    again.save("failures", "status:failed")
    assert SavedFilters(tmp_path).named("failures") is not None


def test_a_used_or_empty_name_is_refused(tmp_path: Path) -> None:
    saved = SavedFilters(tmp_path)
    saved.save("web", "job:web")
    with pytest.raises(FileError, match="Another filter is named failures"):
        saved.rename("web", "failures")
    for name in ("", "   ", "x" * 100):
        with pytest.raises(FileError, match="1 to 40 characters"):
            saved.save(name, "web")


def test_manual_edits_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "filters.toml"
    file.write_text('color = "red"\n[filters.web]\nfilter = "job:web"\nkey = "f7"\nnote = "mine"\n', encoding="utf-8")
    saved = SavedFilters(tmp_path)
    assert keys(saved)["web"] == "F7"
    file.write_text(file.read_text() + '[filters.later]\nfilter = "x"\n', encoding="utf-8")
    saved.save("web", "job:=web", "F7")
    text = file.read_text()
    assert all(kept in text for kept in ('color = "red"', 'note = "mine"', "[filters.later]"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[filters.bad\n", "invalid and ignored"),
        ("filters = 3\n", "`filters` must be a table"),
        ("forgotten = 3\n", "`forgotten` must be a list"),
        ("[filters.bad]\nfilter = 3\n", "filter \"bad\": Expected `str`, got `int` at `filter`"),
        ("[filters.bad]\n", "missing required field `filter`"),
        ('[filters.bad]\nfilter = "status:"\n', 'filter "bad": at character 8'),
        ('[filters.ok]\nfilter = "web"\nkey = "F9"\n', 'its key may be F1 to F8, not "F9"'),
        ('[filters.ok]\nfilter = "a"\nkey = "F1"\n[filters.b]\nfilter = "b"\nkey = "F1"\n', "another filter has F1"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_in_one_sentence_and_the_rest_is_used(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "filters.toml"
    file.write_text(
        '[filters.good]\nfilter = "job:web"\n' * ("[" in content and "cut" not in content) + content, encoding="utf-8"
    )
    saved = SavedFilters(tmp_path)
    assert message in saved.trouble
    assert str(file) in saved.trouble
    assert "\n" not in saved.trouble
    assert saved.named("failures") is not None
    assert saved.named("bad") is None
    if "is invalid and ignored" not in saved.trouble:
        assert saved.named("good") is not None
    else:
        before = file.read_bytes()
        with pytest.raises(FileError):
            saved.save("web", "web")
        assert file.read_bytes() == before, "what cannot be read is not overwritten"


def test_an_unusable_file_of_filters_does_not_raise(tmp_path: Path) -> None:
    for folder in broken(tmp_path, "filters.toml"):
        saved = SavedFilters(folder)
        assert "filters.toml" in saved.trouble, folder
        assert list(keys(saved)) == list(PRESETS)
        with pytest.raises(FileError):
            saved.save("web", "web")


# Settings


def test_without_a_file_all_settings_are_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()


def test_columns_are_chosen_and_ordered(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[ui]\ncolumns = ["sentence", "time"]\n')
    assert read_settings(tmp_path).ui.columns == ("sentence", "time")


def test_the_retention_of_a_journal_is_read(tmp_path: Path) -> None:
    assert read_journal(tmp_path) == JournalSettings(None, None)
    (tmp_path / "config.toml").write_text('[journal]\nkeep = "1d12h"\nmax_size = "2GiB"\n')
    assert read_journal(tmp_path) == JournalSettings(36 * 3600.0, 2 * 1024**3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[ui\n", "line 1"),
        ("[profiles.prod]\n", "`profiles` is not a setting: write `profile`, or leave it out"),
        ("[journal]\nkeep = 'a week'\n", '`journal.keep` is "a week": write a duration such as "7d"'),
        (
            "[journal]\nmax_size = '4kB'\n",
            '`journal.max_size` is "4kB": write a size with its unit, such as "100MiB", from "1MiB"',
        ),
        ("[journal]\nkeep = 7\n", '`journal.keep` is 7: write a duration such as "7d"'),
        ("profile = 3\n", "`profile` is 3: write a table"),
        ("[profile]\nprod = 3\n", "`profile.prod` is 3: write a table"),
        (
            "[profile.prod]\nregoin = 'x'\n",
            "`profile.prod.regoin` is not a setting of a profile: write `profile.prod.region`",
        ),
        (
            "[profile.prod]\nhttp_auth = 'ann:pass'\n",
            "`profile.prod.http_auth` is not a setting of a profile: remove it",
        ),
        ("[profile.prod]\naddress = ['a', 3]\n", "`profile.prod.address[1]` is 3: write a string in quotes"),
        ("[profile.prod]\ntls_skip_verify = 'yes'\n", '`profile.prod.tls_skip_verify` is "yes": write true or false'),
        ("[profile.prod]\ncolor = 'rde'\n", '`profile.prod.color` is "rde": write one of red, orange'),
        ("[profile.prod]\ncolor = '#12'\n", '`profile.prod.color` is "#12"'),
        ('[profile.prod]\nca_cert = "a\\u0000b"\n', "which cannot be a file name"),
        ("[profile.prod]\nca_cert = '~nobody-of-that-name/ca'\n", '`profile.prod.ca_cert` is "~nobody'),
        ('[profile.""]\n', "`profile.` is not a valid name"),
        ('[profile."a\\u001bb"]\n', "is not a valid name: write 1 to 40 visible characters"),
    ],
)
def test_a_mistake_in_the_settings_has_its_position(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(content)
    with pytest.raises(FileError, match=r"config\.toml is invalid") as raised:
        read_settings(tmp_path)
    assert message in str(raised.value)


def test_every_mistake_in_the_settings_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[journal]\nkeep = 7\n[profile.a]\ncolor = "rde"\n')
    with pytest.raises(FileError) as raised:
        read_settings(tmp_path)
    for place in ("`journal.keep` is", "`profile.a.color` is"):
        assert place in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[ui]\ncolumns = 3\n", "`ui.columns` is 3: write a list, such as"),
        ('[ui]\ncolumns = ["time", 3]\n', "`ui.columns[1]` is 3: write the name of a column in quotes"),
        ('[ui]\ncolumns = ["time", "time"]\n', '`ui.columns[1]` is "time" again'),
        ("[ui]\ncolumns = []\n", "is empty: name a column"),
        ('[list]\ncolumns = ["time"]\n', "`list` is not a setting: write `ui.columns`"),
        ("[ui]\nthem = 'x'\n", "`ui.them` is not a setting: write `ui.theme`"),
        ("[ui]\ndensity = 'tight'\n", '`ui.density` is "tight": write "comfortable" or "compact"'),
        ("[ui]\nstart_pane = 'list'\n", '`ui.start_pane` is "list": write "facets", "events" or "event"'),
        ("[ui]\nfollow = 'no'\n", "write true or false"),
        ("[ui]\nglyphs = 'emoji'\n", 'write "unicode" or "ascii"'),
        ("[ui]\ntimezone = 'Mars/Olympus'\n", "is not a known timezone"),
        ("[ui]\ntimezone = '../../etc/passwd'\n", "is not a known timezone"),
        ("[ui]\nfacets_width = 3\n", "`ui.facets_width` is 3: write a whole number from 16 to 120"),
        ("[ui]\nevent_width = 99\n", "`ui.event_width` is 99: write a whole number from 20 to 80"),
    ],
)
def test_a_mistake_in_the_appearance_does_not_affect_other_settings(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f"{content}[profile.prod]\n[journal]\nkeep = '2d'\n")
    assert list(read_profiles(tmp_path)) == ["prod"]
    assert read_journal(tmp_path).keep == 2 * 86_400
    loaded = load_settings(tmp_path)
    [(line, mistake)] = loaded.located(loaded.errors)
    assert message in mistake and line in (1, 2)


def test_settings_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    for folder in broken(tmp_path, "config.toml"):
        with pytest.raises(FileError, match=r"config\.toml"):
            read_settings(folder)


def test_a_choice_applies_until_the_setting_changes(tmp_path: Path) -> None:
    Kept(tmp_path).keep("theme", "nord", "gruvbox")
    Kept(tmp_path).keep("columns", ("time", "index"), None)
    kept = Kept(tmp_path)
    assert (kept.value("theme", "gruvbox"), kept.value("theme", "monokai")) == ("nord", "monokai")
    assert kept.value("columns", None) == ["time", "index"]
    assert kept.value("columns", ("time",)) == ("time",)
    assert kept.value("facets_width", 30) == 30
    assert stat.S_IMODE((tmp_path / "dashboard.json").stat().st_mode) == 0o600


def test_an_unusable_file_of_choices_does_not_raise(tmp_path: Path) -> None:
    for folder in broken(tmp_path, "dashboard.json"):
        kept = Kept(folder)
        assert "dashboard.json" in kept.trouble, folder
        kept.keep("theme", "nord")
        assert kept.value("theme") == "nord"
        assert Kept(folder).trouble, "what could not be read is left as it is"


def test_a_complete_profile_is_read_with_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    (tmp_path / "config.toml").write_text("""
[ui]
columns = ["a column of another release"]
theme = 3
[profile.dev]
[profile.prod]
address = ["https://one:4646", "https://two:4646"]
region = "europe"
namespace = "web"
token_file = "~/.nomad/prod"
ca_cert = "prod/ca.pem"
client_cert = "/etc/nomad/cert.pem"
client_key = ""
tls_server_name = "server.global.nomad"
tls_skip_verify = false
color = "#e8ab4c"
""")
    profiles = read_profiles(tmp_path)
    assert list(profiles) == ["dev", "prod"]
    assert profiles["dev"].profile == Profile("dev", "")
    assert not profiles["dev"].names_address
    assert profiles["prod"].profile == Profile("prod", "#e8ab4c")
    assert {name: value for name, value in profiles["prod"].given.items() if value is not None} == {
        "address": ("https://one:4646", "https://two:4646"),
        "region": "europe",
        "namespace": "web",
        "token_file": "/home/ann/.nomad/prod",
        "ca_cert": str(tmp_path / "prod" / "ca.pem"),
        "client_cert": "/etc/nomad/cert.pem",
        "client_key": "",
        "tls_server_name": "server.global.nomad",
        "tls_skip_verify": False,
    }
    assert read_profiles(tmp_path / "none") == {}


# Connections


def test_a_profile_is_read_when_chosen_and_flags_apply_only_to_the_start(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[profile.prod]\naddress = "prod"\n[profile.dev]\naddress = "dev"\n')
    environ = {"NOMAD_ADDR": "env", "NOMAD_TOKEN": "env-token", "NOMAD_NAMESPACE": "mine"}
    connections = Connections(tmp_path, {"profile": "prod", "token": "flag-token", "namespace": "web"}, environ)

    def hosts_and_tokens(*names: str | None) -> list[tuple[str, str | None, str]]:
        made = [connections.of(name) for name in names]
        return [(each.address.host, each.current_token(), each.namespace) for each in made]

    assert hosts_and_tokens("prod", "dev", None) == [
        ("prod", "flag-token", "web"),
        ("dev", None, "*"),
        ("env", "env-token", "mine"),
    ]
    assert connections.of("prod") is connections.start
    assert [connections.namespace(each) for each in (Profile("prod"), None)] == ["", "mine"]
    (tmp_path / "config.toml").write_text('[profile.test]\naddress = "test"\ncolor = "green"\n')
    assert connections.profiles() == (Profile("test", "green"),)
    assert hosts_and_tokens("test") == [("test", None, "*")]
    with pytest.raises(ConfigurationError, match=r"'dev', but the profiles in .* are test"):
        connections.of("dev")
    (tmp_path / "config.toml").write_text("[profile")
    with pytest.raises(ConfigurationError, match="is invalid"):
        connections.profiles()


def test_a_color_can_be_spelled_as_in_0_1_0(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[profile.a]\ncolour = "red"\n')
    assert Connections(tmp_path).profiles()[0].color == "red"
    (tmp_path / "config.toml").write_text('[profile.a]\ncolor = "red"\ncolour = "blue"\n')
    with pytest.raises(ConfigurationError, match=r"write `profile\.a\.color`"):
        Connections(tmp_path).profiles()
