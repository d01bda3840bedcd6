"""What every test may rely on: nothing of this machine's settings, and one time zone."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen

from tests.thorough import times

settings.register_profile("shared-machine", deadline=None, max_examples=times(60))
settings.load_profile("shared-machine")

MOST_WORKERS = 4
"""Processes that run tests side by side; with more, tests that measure would measure each other."""

# Where this is set, each process that a test starts would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """How many processes run the tests with `-n auto`: none where files or tests are named, which start at once then.

    One more than there are cores: many tests wait for another process. `-n` and xdist's own variable come first.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    if any(not Path(name).is_dir() for name in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores + 1, MOST_WORKERS)


def pytest_collection(session: pytest.Session) -> None:
    """Has each worker load another share of the tests first: all together would compile the same modules at once."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    root = Path(__file__).parent
    number = int(worker["workerid"].removeprefix("gw"))
    for file in sorted(root.rglob("test_*.py"))[number :: worker["workercount"]]:
        with suppress(Exception):  # is reported when the file is collected
            import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))


@pytest.fixture(scope="session", autouse=True)
def one_time_zone() -> Iterator[None]:
    """Times are shown in UTC, here and in every process that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session", autouse=True)
def style_sheets_are_parsed_once() -> Iterator[None]:
    """Textual parses all its style sheets anew for each application, a tenth of what a dashboard takes to open."""
    parse = Stylesheet._parse_rules
    parsed: dict[tuple[object, ...], list[RuleSet]] = {}

    def parsed_once(sheet: Stylesheet, css: str, *how: Any, **named: Any) -> list[RuleSet]:
        key = (css, *how, *named.items(), *sheet._variables.items())
        if key not in parsed:
            parsed[key] = parse(sheet, css, *how, **named)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parsed_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def screens_are_drawn_when_they_are_read() -> Iterator[None]:
    """Textual draws every change also without a terminal, half of what a dashboard does in a test.

    This is for applications that say so by `draws_when_read`.
    """
    refresh = Screen._compositor_refresh

    def refresh_unless_read(screen: Screen[object]) -> None:
        if getattr(screen.app, "draws_when_read", False) and screen is screen.app.screen:
            screen._dirty_widgets.clear()
            screen.app._update_mouse_over(screen)
        else:
            refresh(screen)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "_compositor_refresh", refresh_unless_read)
        yield


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A developer's cluster and proxy are never asked, their token never sent, their own files left alone.

    And a terminal has the size it is given, also where pytest's own workers have another one,
    and all colours.
    """
    for name in list(os.environ):
        if name.startswith("NOMAD_") or name.upper() in PROXIES or name in ("COLUMNS", "LINES", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLORTERM", "truecolor")
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
