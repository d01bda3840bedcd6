"""Shared fixtures: tests are isolated from this machine's settings and run in one time zone."""

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

from tests.randomized import times

settings.register_profile("shared-machine", deadline=None, max_examples=times(60))
settings.load_profile("shared-machine")

MAX_WORKERS = 4
"""Worker processes at most; with more, tests that measure would disturb each other."""

# Where this is set, each process that a test starts would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return the workers for `-n auto`: none if files or tests are named, so that they start at once.

    Otherwise one more than cores, as many tests wait for another process. `-n` and xdist's variable take precedence.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    if any(not Path(name).is_dir() for name in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores + 1, MAX_WORKERS)


def pytest_collection(session: pytest.Session) -> None:
    """Make each worker import a different part of the tests first, so that they do not compile the same modules."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    root = Path(__file__).parent
    number = int(worker["workerid"].removeprefix("gw"))
    for file in sorted(root.rglob("test_*.py"))[number :: worker["workercount"]]:
        with suppress(Exception):  # reported when the file is collected
            import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))


@pytest.fixture(scope="session", autouse=True)
def one_time_zone() -> Iterator[None]:
    """Use UTC in this process and in every process that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session", autouse=True)
def style_sheets_are_parsed_once() -> Iterator[None]:
    """Cache parsed style sheets: Textual parses them for each application, a tenth of a dashboard's start."""
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
    """Draw only when the screen is read: without a terminal, drawing each change is half of a dashboard's work.

    For applications with the attribute `draws_when_read`.
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
    """Never contact a developer's cluster or proxy, send their token or touch their files.

    Terminals have the size that a test sets, not that of pytest's workers, and all colours.
    """
    for name in list(os.environ):
        if name.startswith("NOMAD_") or name.upper() in PROXIES or name in ("COLUMNS", "LINES", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLORTERM", "truecolor")
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
