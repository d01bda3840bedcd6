"""The menu of `y`: what it offers and reports, and that nothing it copies contains a masked value."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path as File
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.binding import Binding, BindingType
from textual.pilot import Pilot

from nomad_tui.config.address import parse_address
from nomad_tui.config.connection import Connection
from nomad_tui.config.folders import styles_folder
from nomad_tui.core.export.reproduce import Envelope, Server, json_text
from nomad_tui.core.payload import Path, Value, parse
from nomad_tui.core.secrets import REDACTED, Masking, names_secret
from nomad_tui.core.wire import Frame, decode
from nomad_tui.ui.dialogs.copies import SECRET, choices, server_of
from nomad_tui.ui.dialogs.letter_menu import Choice, ChoiceMenu
from tests import recordings
from tests.keyboard import Themed, at_rest, post_key, until

JOB: Value = parse(
    b"""{"Job":{"ID":"web","Meta":null,"Priority":50,"Note":"two\\nlines","Esc":"a\\u001b[2Jb","Empty":"",
    "TaskGroups":[{"Name":"g","Tasks":[{"Name":"t","Env":{"DB_PASSWORD":"hunter2","odd key":"x"},
    "Config":{"args":["--token s3cr3t-1"],"url":"postgres://app:s3cr3t-2@db/app"}}]}]}}"""
).value
ENVELOPE = Envelope(1204, "Job", "JobRegistered", "web", "payments", ("web",))
SERVER = Server("http://127.0.0.1:4646", sends_token=True)
TASK: Path = ("Job", "TaskGroups", 0, "Tasks", 0)


def offered(path: Path, masking: Masking | None = None, payload: Value = JOB, **changes: Any) -> dict[str, Choice]:
    envelope, server = changes.get("envelope", ENVELOPE), changes.get("server", SERVER)
    found = choices(payload, path, masking or Masking(), envelope, server)
    assert [choice.letter for choice in found] == list("vkpfsiecCnulxa")
    return {choice.letter: choice for choice in found}


# What is offered


def test_every_choice_of_a_plain_value() -> None:
    made = {letter: choice.made() for letter, choice in offered(("Job", "Priority")).items()}
    assert json.loads(made.pop("e"))["Payload"]["Job"]["Priority"] == 50
    assert made == {
        "v": "50",
        "k": "Priority",
        "p": ".Job.Priority",
        "f": 'Job.Priority == "50"',
        "s": "50",
        "i": "web",
        "c": "curl -H \"X-Nomad-Token: $NOMAD_TOKEN\" 'http://127.0.0.1:4646/v1/job/web?namespace=payments'",
        "C": 'curl -N -H "X-Nomad-Token: $NOMAD_TOKEN" '
        "'http://127.0.0.1:4646/v1/event/stream?index=1204&topic=Job&namespace=payments'",
        "n": "nomad job status -address http://127.0.0.1:4646 -namespace payments web",
        "u": "http://127.0.0.1:4646/ui/jobs/web@payments",
        "l": "nomad alloc logs -address http://127.0.0.1:4646 -namespace payments -f -job web",
        "x": "nomad alloc exec -address http://127.0.0.1:4646 -namespace payments -job web /bin/sh",
        "a": "nomad job allocs -address http://127.0.0.1:4646 -namespace payments web",
    }


def test_texts_are_copied_literally_except_control_characters() -> None:
    assert offered(("Job", "Note"))["v"].made() == "two\nlines"
    assert offered(("Job", "Note"))["v"].shown == "two lines"
    escaping = offered(("Job", "Esc"))["v"]
    assert (escaping.label, escaping.made()) == ("value as JSON", '"a\\u001b[2Jb"')
    assert offered(("Job", "Meta"))["v"].made() == "null"
    empty = offered(("Job", "Empty"))["v"]
    assert (empty.text, empty.shown) == (None, "The value is empty.")


def test_a_container_is_copied_as_json_that_is_encoded_on_demand() -> None:
    choice = offered(("Job", "TaskGroups"))["s"]
    assert callable(choice.text)
    assert choice.shown.startswith('[ { "Name": "g", "Tasks": [ {')
    assert json.loads(choice.made())[0]["Tasks"][0]["Env"] == {"DB_PASSWORD": REDACTED, "odd key": REDACTED}
    assert offered(("Job", "TaskGroups", 0))["k"].why_not == "List items have no key."
    whole = json.loads(offered(())["e"].made())
    assert (whole["Index"], whole["Key"], whole["FilterKeys"]) == (1204, "web", ["web"])
    assert whole["Payload"]["Job"]["ID"] == "web"


def test_a_secret_is_refused_until_it_is_shown() -> None:
    path = (*TASK, "Env", "DB_PASSWORD")
    made = offered(path)
    for letter in "vfs":
        assert (made[letter].text, made[letter].shown) == (None, SECRET)
    assert made["p"].made() == ".Job.TaskGroups[0].Tasks[0].Env.DB_PASSWORD"
    masking = Masking()
    masking.revealed = path
    shown = offered(path, masking)
    assert shown["v"].made() == "hunter2"
    assert shown["f"].made().endswith('DB_PASSWORD == "hunter2"')
    event = json.loads(shown["e"].made())["Payload"]["Job"]["TaskGroups"][0]["Tasks"][0]
    assert event["Env"] == {"DB_PASSWORD": "hunter2", "odd key": REDACTED}
    assert "s3cr3t" not in shown["e"].made()
    assert "s3cr3t-2" in offered((), Masking(reveals_all=True))["e"].made()


def test_a_text_with_a_secret_is_copied_without_it() -> None:
    made = offered((*TASK, "Config", "url"))
    assert made["v"].made() == f"postgres://app:{REDACTED}@db/app"
    assert made["f"].shown == SECRET


def test_choices_for_a_gap_a_recording_and_a_secret_in_a_key() -> None:
    assert {offered((), envelope=None)[letter].shown for letter in "ecCn"} == {"A gap is not an event."}
    recorded = offered((), server=None)
    assert recorded["c"].shown == "Not available for recordings."
    assert recorded["n"].made() == "nomad job status -namespace payments web"
    secret = offered((), envelope=Envelope(1, "Variable", "VariableUpdated", "x?token=s3cr3t-3", "default"))
    assert all("s3cr3t-3" not in choice.made() + choice.shown for choice in secret.values())


def test_a_payload_that_is_not_json_is_copied_with_all_values_masked() -> None:
    payload = parse(b'{"Job":{"Env":{"A":"hunter2"},').value
    made = offered((0,), payload=payload)
    assert made["v"].text is None
    assert "hunter2" not in made["e"].made()
    assert "hunter2" in offered((), Masking(reveals_all=True), payload)["e"].made()


def test_a_path_that_leads_nowhere_copies_nothing() -> None:
    made = offered(("Job", "Missing", 3))
    assert {made[letter].text for letter in "vkpfs"} == {None}


@pytest.mark.parametrize("name", ["tour", "hostile"])
def test_every_event_of_a_recording_can_be_copied(name: str) -> None:
    for line in recordings.lines(name):
        found = decode(line)
        for event in found.events if isinstance(found, Frame) else ():
            payload = parse(bytes(event.payload)).value
            path: Path = tuple(payload)[:1] if isinstance(payload, dict) else ()
            for choice in choices(payload, path, Masking(), Envelope(1, event.topic, event.type, event.key), SERVER):
                assert choice.shown.isprintable() or not choice.shown.isascii()
                assert "\x1b" not in choice.made() + choice.shown
                assert choice.text is None or choice.made()


MARKER = "ZQX"
KEYS = ["SecretID", "Env", "DB_PASS", "auth", "ID", "Key", "Value", "Name", "Meta", "odd key", "Service", "ServiceName"]


@st.composite
def payloads(draw: st.DrawFn) -> tuple[Value, list[Path]]:
    """Return a payload in which every value that begins with the marker is a secret, and all its paths."""
    paths: list[Path] = [()]

    def value(path: Path, secret: bool) -> Value:
        paths.append(path)
        kind = draw(st.sampled_from(["text", "number", "list", "object"] if len(path) < 5 else ["text", "number"]))
        if kind == "object":
            names = draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True))
            return {name: value((*path, name), secret or names_secret(name)) for name in names}
        if kind == "list":
            return [value((*path, n), secret) for n in range(draw(st.integers(0, 3)))]
        if kind == "number":
            return draw(st.integers(0, 9))
        if secret:
            return MARKER + draw(st.text(max_size=4))
        return draw(st.sampled_from(["plain", f"postgres://u:{MARKER}@h/d", f"--token {MARKER}", f"password={MARKER}"]))

    return {"Service": value(("Service",), False), "Job": value(("Job",), False)}, paths


@given(payloads(), st.data())
def test_no_choice_copies_a_masked_value(made: tuple[Value, list[Path]], data: st.DataObject) -> None:
    payload, paths = made
    path = data.draw(st.sampled_from(paths))
    topic = data.draw(st.sampled_from(["Service", "Job", "Unknown"]))
    for choice in choices(payload, path, Masking(), Envelope(7, topic, "T", "web"), SERVER):
        assert MARKER not in choice.made(), choice
        assert MARKER not in choice.shown, choice


@given(payloads(), st.data())
def test_revealing_one_value_reveals_no_other(made: tuple[Value, list[Path]], data: st.DataObject) -> None:
    payload, paths = made
    masking = Masking()
    masking.revealed = data.draw(st.sampled_from(paths))
    path = data.draw(st.sampled_from(paths))
    hidden = json_text(_without(payload, masking.revealed))
    for choice in choices(payload, path, masking, Envelope(7, "Job", "T", "web"), SERVER):
        left = len(re.findall(MARKER, choice.made()))
        assert left <= len(re.findall(MARKER, json_text(payload))) - len(re.findall(MARKER, hidden))


def _without(value: Value, path: Path) -> Value:
    if not path:
        return None
    if isinstance(value, dict):
        return {key: _without(inner, path[1:]) if key == path[0] else inner for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, path[1:]) if n == path[0] else inner for n, inner in enumerate(value)]
    return value


def test_a_connection_is_reported_without_its_secrets() -> None:
    address, _ = parse_address("https://nomad.example.com:4646")
    connection = Connection(
        address=address, region="eu", token="0b1c-secret", http_auth=("me", "pw-secret"), ca_cert=File("/ca.pem")
    )
    server = server_of(connection, {"NOMAD_ADDR": "https://nomad.example.com:4646/", "NOMAD_REGION": "us"})
    assert "secret" not in repr(server)
    assert (server.address, server.user, server.sends_token) == ("https://nomad.example.com:4646", "me", True)
    assert "address" in server.known and "region" not in server.known and "ca_cert" not in server.known
    assert "address" in server_of(Connection(), {}).known
    assert "address" not in server_of(connection, {"NOMAD_ADDR": "nonsense://"}).known


# The menu


class Opener(Themed):
    CSS_PATH: ClassVar = [styles_folder() / "copy.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", priority=True),
        Binding("j", "count", "Count"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[Choice | None] = []
        self.counted = 0

    def action_copy(self) -> None:
        offered = choices(JOB, TASK, Masking(), None, None)
        self.push_screen(ChoiceMenu(offered, "Copy", "Enter copies"), self.chosen.append)

    def action_count(self) -> None:
        self.counted += 1


@asynccontextmanager
async def opener(size: tuple[int, int] = (100, 30)) -> AsyncIterator[tuple[Opener, Pilot[None]]]:
    app = Opener()
    async with asyncio.timeout(60), app.run_test(size=size) as pilot:
        yield app, pilot


def lines(app: App[None]) -> list[str]:
    menu = app.screen
    assert isinstance(menu, ChoiceMenu)
    return [menu.list.render_line(y).text for y in range(menu.list.size.height)]


@pytest.mark.parametrize("size", [(180, 50), (80, 24), (40, 12)])
async def test_the_menu_says_what_each_letter_copies(size: tuple[int, int]) -> None:
    async with opener(size) as (app, _):
        post_key(app, "y")
        await at_rest(app)
        text = lines(app)
        assert [line[0] for line in text] == list("vkpfsiecCnulxa")
        assert ".Job.Task" in text[2]
        assert "A gap is not an event."[:5] in text[6]
        assert "hunter2" not in "".join(text)


async def test_keys_typed_faster_than_the_menu_opens_choose_from_it() -> None:
    async with opener() as (app, pilot):
        for key in "ypj":
            post_key(app, key)
        await until(pilot.app, lambda: app.chosen and app.counted)
        choice = app.chosen[0]
        assert choice is not None
        assert choice.made() == ".Job.TaskGroups[0].Tasks[0]"
        assert app.counted == 1, "a key behind the letter goes on to the dashboard"
        assert not isinstance(app.screen, ChoiceMenu)


async def test_arrows_and_enter_choose_and_esc_copies_nothing() -> None:
    async with opener() as (app, pilot):
        for key in ("y", "up", "down", "down", "enter", "enter"):
            post_key(app, key)
        await until(pilot.app, lambda: app.chosen)
        assert app.chosen[0] is not None and app.chosen[0].letter == "p"
        for key in ("y", "escape", "escape"):
            post_key(app, key)
        await until(pilot.app, lambda: len(app.chosen) == 2)
        assert app.chosen[1] is None


async def test_a_choice_that_is_not_possible_says_why_and_leaves_the_menu_open() -> None:
    async with opener() as (app, _):
        for key in ("y", "e", "J"):
            post_key(app, key)
        await at_rest(app)
        assert isinstance(app.screen, ChoiceMenu)
        assert "A gap is not an event." in str(app.screen.query_one("#copy").border_subtitle)
        assert app.chosen == []


async def test_a_click_chooses() -> None:
    async with opener() as (app, pilot):
        post_key(app, "y")
        await at_rest(app)
        menu = app.screen
        assert isinstance(menu, ChoiceMenu)
        await pilot.click(menu.list, offset=(10, 2))
        await until(pilot.app, lambda: app.chosen)
        assert app.chosen[0] is not None and app.chosen[0].letter == "p"
