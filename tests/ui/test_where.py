"""The dialog of `@`: the current cluster, and switching to another profile, region or namespace."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nomad_tui.config.precedence import Profile
from nomad_tui.config.profiles import Connections
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Options, StandIn
from nomad_tui.ui.dashboard import Switch
from nomad_tui.ui.dialogs.where import Choices, Where
from tests.dashboard import CONNECTED, MEDIUM, NARROW, Dashboard, ScriptedSource, dashboard

SECRET = "00000000-0000-4000-8000-00000000000a"


def job(name: str, index: int = 1) -> bytes:
    text = (
        '{"Index":%d,"Events":[{"Topic":"Job","Type":"JobRegistered","Key":"%s","Namespace":"default","Payload":{}}]}'
    )
    return (text % (index, name)).encode()


@asynccontextmanager
async def cluster(name: str, **options: object) -> AsyncIterator[StandIn]:
    """Serve a cluster with one event, about a job of this name."""
    async with StandIn([job(name)], Options(lead=ALL_FRAMES, **options)) as server:  # type: ignore[arg-type]
        yield server


@dataclass
class Opened(Dashboard):
    @property
    def dialog(self) -> Where:
        assert isinstance(self.app.screen, Where)
        return self.app.screen

    async def open_where(self) -> None:
        """Open the dialog, and wait until its lists were loaded or failed."""
        await self.press("@")
        await self.until(lambda: isinstance(self.app.screen, Where))
        await self.wait_for_lists()

    async def wait_for_lists(self) -> None:
        def over() -> bool:
            states = [str(column.border_subtitle or "") for column in (self.dialog.regions, self.dialog.namespaces)]
            return not any("asking" in state or "…" in state for state in states)

        await self.until(over)
        await self.pilot.pause(0)

    @property
    def switch(self) -> Switch:
        found = self.app.return_value
        assert isinstance(found, Switch)
        return found

    async def wait_for_switch(self) -> Switch:
        await self.until(lambda: self.app.return_value is not None)
        return self.switch


@asynccontextmanager
async def opened(
    folder: Path,
    environ: Mapping[str, str],
    flags: Mapping[str, str] | None = None,
    size: tuple[int, int] = MEDIUM,
    filter_text: str = "",
) -> AsyncIterator[Opened]:
    """Open the dashboard as the command line does."""
    connections = Connections(folder, flags, environ)
    source = LiveServer(connections.start)
    async with dashboard(source, size, connections=connections, filter_text=filter_text) as board:
        yield Opened(board.app, board.pilot)


def listed(column: Choices) -> list[str]:
    return [str(option.prompt) for option in column.options]


def configured(folder: Path, **addresses: str) -> Path:
    tables = [f'[profile.{name}]\naddress = "{address}"\n' for name, address in addresses.items()]
    (folder / "config.toml").write_text("".join(tables))
    return folder


@pytest.mark.parametrize("size", [NARROW, MEDIUM], ids=str)
async def test_it_shows_the_current_cluster_and_the_alternatives(size: tuple[int, int], tmp_path: Path) -> None:
    options = {"other_regions": ("europe",), "namespaces": ("default", "payments", "web")}
    async with cluster("here", **options) as server:
        (tmp_path / "config.toml").write_text('[profile.prod]\naddress = "http://prod"\ncolor = "red"\n')
        async with opened(tmp_path, {"NOMAD_ADDR": server.address}, size=size) as screen:
            await screen.shows(1)
            await screen.open_where()
            assert listed(screen.dialog.profiles) == ["● environment NOMAD_*", "  ■ prod"]
            assert listed(screen.dialog.regions) == ["● server's region global", "  europe", "  global"]
            assert listed(screen.dialog.namespaces) == ["● all namespaces", "  default", "  payments", "  web"]
            for text in ("Switch cluster", "environment", "europe", "payments", server.address, "Enter switch"):
                assert text in screen
            await screen.press("escape")
            await screen.until(lambda: len(screen.app.screen_stack) == 1)
            assert screen.app.is_running and screen.history.received_events == 1


async def test_another_profile_opens_another_dashboard_with_the_same_filter(tmp_path: Path) -> None:
    acl = {"tokens": {SECRET: MANAGEMENT}, "namespaces": ("default", "theirs"), "other_regions": ("asia",)}
    async with cluster("ours") as here, cluster("theirs", **acl) as there:
        (tmp_path / "token").write_text(SECRET)
        (tmp_path / "config.toml").write_text(
            f'[profile.prod]\naddress = "{there.address}"\ntoken_file = "token"\ncolor = "red"\n'
        )
        environ = {"NOMAD_ADDR": here.address, "NOMAD_TOKEN": "for here alone"}
        async with opened(tmp_path, environ, filter_text="topic:job") as screen:
            await screen.shows(1)
            screen.app.theme = "nomad-light"
            await screen.open_where()
            await screen.press("down")
            await screen.until(lambda: "  theirs" in listed(screen.dialog.namespaces))
            await screen.wait_for_lists()
            assert listed(screen.dialog.regions) == ["  server's region", "  asia", "  global"]
            assert there.address in screen
            await screen.press("enter")
            switch = await screen.wait_for_switch()
        assert {request.secret for request in there.requests} == {SECRET}, "no other cluster's token is sent there"
        assert (switch.filter_text, switch.theme) == ("topic:job", "nomad-light")
        assert (switch.connection.profile, switch.connection.namespace) == (Profile("prod", "red"), "*")

        async with opened(tmp_path, environ, {"profile": "prod"}, filter_text=switch.filter_text) as screen:
            await screen.shows(1)
            assert "theirs" in screen and "ours" not in screen


async def test_a_namespace_and_a_region_are_chosen_by_typing(tmp_path: Path) -> None:
    options = {"other_regions": ("europe",), "namespaces": ("default", "payments", "web", "web-2")}
    async with cluster("here", **options) as server, opened(tmp_path, {"NOMAD_ADDR": server.address}) as screen:
        await screen.shows(1)
        await screen.open_where()
        await screen.press("w", "e", "b")
        assert listed(screen.dialog.namespaces) == ["  web", "  web-2"]
        await screen.press("shift+tab", "e", "u")
        assert listed(screen.dialog.regions) == ["  europe", "  eu not listed"]
        await screen.until(lambda: any(each.first("region") == "europe" for each in server.requests))
        await screen.press("enter")
        switch = await screen.wait_for_switch()
    assert (switch.connection.region, switch.connection.namespace) == ("europe", "web")
    assert switch.connection.profile is None


async def test_a_name_that_is_not_listed_can_be_typed(tmp_path: Path) -> None:
    async with cluster("here") as server, opened(tmp_path, {"NOMAD_ADDR": server.address}) as screen:
        await screen.shows(1)
        await screen.open_where()
        await screen.press(*"nww", "backspace", "backspace", *"ew")
        assert listed(screen.dialog.namespaces) == ["  new not listed"]
        await screen.press("enter")
        assert (await screen.wait_for_switch()).connection.namespace == "new"


async def test_keys_typed_before_the_lists_are_loaded_count(tmp_path: Path) -> None:
    async with cluster("here") as here, cluster("there") as there:
        folder = configured(tmp_path, prod=there.address, test="http://test")
        async with opened(folder, {"NOMAD_ADDR": here.address}) as screen:
            await screen.shows(1)
            for key in ("@", *"pro", "enter"):
                await screen.press(key)
            switch = await screen.wait_for_switch()
    assert switch.connection.profile == Profile("prod")
    assert str(switch.connection.address) == there.address


async def test_enter_waits_for_the_list_that_may_contain_the_typed_name(tmp_path: Path) -> None:
    there = Options(lead=ALL_FRAMES, namespaces=("default", "payments"))
    async with cluster("here") as here, StandIn([job("there")], there) as server:
        folder = configured(tmp_path, prod=server.address)
        async with opened(folder, {"NOMAD_ADDR": here.address}) as screen:
            await screen.shows(1)
            for key in ("@", *"prod", "shift+tab", *"paym", "enter"):
                await screen.press(key)
            assert (await screen.wait_for_switch()).connection.namespace == "payments"


async def test_enter_on_the_current_cluster_changes_nothing(tmp_path: Path) -> None:
    async with cluster("here") as server, opened(tmp_path, {"NOMAD_ADDR": server.address}) as screen:
        await screen.shows(1)
        await screen.open_where()
        await screen.press("enter")
        await screen.until(lambda: len(screen.app.screen_stack) == 1)
        assert screen.app.return_value is None
        assert screen.history.received_events == 1


async def test_a_list_that_cannot_be_read_is_reported_with_the_reason(tmp_path: Path) -> None:
    async with cluster("here") as here:
        folder = configured(tmp_path, gone="http://127.0.0.1:1")
        async with opened(folder, {"NOMAD_ADDR": here.address}, size=NARROW) as screen:
            await screen.shows(1)
            await screen.open_where()
            await screen.press("down")
            await screen.until(lambda: "http://127.0.0.1:1" in screen)
            await screen.wait_for_lists()
            assert "unknown" in screen
            [sentence] = str(screen.dialog.trouble.content).splitlines()
            assert "127.0.0.1:1" in sentence and sentence.endswith(".")
            await screen.press("tab", "tab", *"web", "enter")
            switch = await screen.wait_for_switch()
    assert switch.connection.namespace == "web", "a cluster that does not answer now may be gone to all the same"


async def test_an_unusable_profile_shows_why_and_is_not_switched_to(tmp_path: Path) -> None:
    async with cluster("here") as here:
        (tmp_path / "config.toml").write_text('[profile.prod]\naddress = "http://prod"\ntoken_file = "missing"\n')
        async with opened(tmp_path, {"NOMAD_ADDR": here.address}) as screen:
            await screen.shows(1)
            await screen.open_where()
            await screen.press("down", "enter")
            await screen.until(lambda: "token_file of the profile prod" in str(screen.dialog.trouble.content))
            await screen.press("enter")
            assert screen.app.return_value is None
            await screen.press("up")
            await screen.wait_for_lists()
            assert listed(screen.dialog.namespaces)[0] == "● all namespaces"
            assert not screen.dialog.trouble.display
            (tmp_path / "config.toml").write_text("[profile")
            await screen.press("escape", "@")
            await screen.until(lambda: isinstance(screen.app.screen, Where))
            await screen.until(lambda: "is invalid" in str(screen.dialog.trouble.content))


async def test_without_permission_to_list_only_the_current_namespace_is_offered(tmp_path: Path) -> None:
    async with (
        cluster("here", tokens={SECRET: MANAGEMENT}) as server,
        opened(tmp_path, {"NOMAD_ADDR": server.address, "NOMAD_NAMESPACE": "web"}) as screen,
    ):
        await screen.open_where()
        assert listed(screen.dialog.namespaces) == ["  all namespaces", "● web"]


async def test_a_click_chooses_and_a_double_click_switches(tmp_path: Path) -> None:
    async with (
        cluster("here", namespaces=("default", "web")) as server,
        opened(tmp_path, {"NOMAD_ADDR": server.address}) as screen,
    ):
        await screen.shows(1)
        await screen.open_where()
        await screen.click("#where-namespaces", (5, 3))
        assert screen.app.return_value is None
        assert screen.dialog.namespaces.chosen is not None
        assert screen.dialog.namespaces.chosen.value == "web"
        await screen.click("#where-namespaces", (5, 3), times=2)
        assert (await screen.wait_for_switch()).connection.namespace == "web"


async def test_a_recording_cannot_be_switched() -> None:
    async with dashboard(ScriptedSource(CONNECTED)) as screen:
        await screen.press("@")
        await screen.appears("Only available")
        assert len(screen.app.screen_stack) == 1


async def test_an_at_sign_can_be_typed_into_the_filter() -> None:
    async with dashboard(ScriptedSource(CONNECTED)) as screen:
        await screen.press("/", "@")
        assert screen.dashboard.filter_line.value == "@"
