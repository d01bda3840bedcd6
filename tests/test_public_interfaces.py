"""Tests use public interfaces: private names can change at any time, and a patched module is not what users run."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
MAY_REACH: Final = re.compile(rb"(?<!self)(?<!cls)\._[a-z]|import.* _[a-z]|setattr\(", re.IGNORECASE)
"""Matches every file that may reach into private names, so that only those are parsed."""
PUBLIC: Final = frozenset(("_exit", "_replace"))
"""Public names of the standard library that begin with an underscore."""

EXPECTED: Final = Counter(
    {
        # Textual has no public interface for these.
        ("bench/dashboard.py", "_display"): 1,
        ("bench/inspector.py", "_display"): 1,
        ("conftest.py", "_compositor_refresh"): 1,
        ("conftest.py", "_dirty_widgets"): 1,
        ("conftest.py", "_parse_rules"): 1,
        ("conftest.py", "_update_mouse_over"): 1,
        ("conftest.py", "_variables"): 1,
        ("conftest.py", "setattr(Screen, '_compositor_refresh')"): 1,
        ("conftest.py", "setattr(Stylesheet, '_parse_rules')"): 1,
        ("dashboard.py", "_background_screens"): 1,
        ("dashboard.py", "_compositor"): 1,
        ("keyboard.py", "_driver"): 1,
        ("keyboard.py", "_notifications"): 1,
        ("keyboard.py", "_on_timer_update"): 1,
        ("keyboard.py", "_size"): 1,
        ("stream/test_bounds.py", "_exit_renderables"): 1,
        # Failures of the machine, of aiohttp and of this program that a test cannot provoke from outside.
        ("cli/test_cli.py", "setattr('pwd.getpwuid')"): 1,
        ("doctor/test_doctor.py", "setattr(Client, 'server')"): 1,
        ("nomad/test_client.py", "setattr(client_module, 'mend_status_lines')"): 1,
        ("sinks/test_alerts.py", "setattr(progress, 'time_ns')"): 1,
        ("sinks/test_file.py", "setattr(os, 'write')"): 1,
        ("sources/test_recording_file.py", "setattr(os, 'write')"): 1,
    }
)


def private_uses(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nomad_tui"):
            yield from (each.name for each in node.names if _is_private(each.name))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            yield f"setattr({', '.join(map(ast.unparse, node.args[:-1]))})"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def test_tests_use_only_listed_private_names() -> None:
    found = Counter(
        (file.relative_to(TESTS).as_posix(), use)
        for file in TESTS.rglob("*.py")
        if MAY_REACH.search(content := file.read_bytes())
        for use in private_uses(ast.parse(content))
    )
    assert found == EXPECTED
