"""Imports point one way, from the outer layers of `LAYERS` inwards, and never in a circle."""

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import nomad_tui
import nomad_tui.core

ROOT = Path(nomad_tui.__file__).parent

LAYERS: tuple[frozenset[str], ...] = (
    frozenset(("core",)),
    frozenset(("config", "process")),
    frozenset(("nomad",)),
    frozenset(("journal", "nats", "stream")),
    frozenset(("standin",)),
    frozenset(("sources",)),
    frozenset(("sinks",)),
    frozenset(("doctor", "manual", "session")),
    frozenset(("ui",)),
    frozenset(("cli",)),
    frozenset(("__main__",)),
)
"""Parts of the package, innermost first: each may import itself, its own layer and those before it."""

EVERY_LIBRARY = frozenset(
    (
        "aiohttp",
        "aiohttp_socks",
        "click",
        "filelock",
        "h11",
        "jinja2",
        "lark",
        "msgspec",
        "nats",
        "nkeys",
        "orjson",
        "platformdirs",
        "prometheus_client",
        "python_socks",
        "re2",
        "regex",
        "rich",
        "standardwebhooks",
        "structlog",
        "textual",
        "tomli_w",
        "zstandard",
    )
)
LIBRARIES: dict[str, frozenset[str]] = {
    "core": frozenset(("lark", "msgspec", "orjson", "re2", "regex", "zstandard")),
    "nomad": frozenset(("aiohttp", "aiohttp_socks", "msgspec", "orjson", "python_socks")),
    "config": frozenset(("aiohttp", "msgspec", "platformdirs", "tomli_w")),
    "process": frozenset(),
    "nats": frozenset(("nats", "nkeys")),
    "journal": frozenset(("filelock", "msgspec", "orjson", "structlog", "zstandard")),
    "sinks": frozenset(
        (
            "aiohttp",
            "jinja2",
            "msgspec",
            "nats",
            "nkeys",
            "orjson",
            "prometheus_client",
            "standardwebhooks",
            "structlog",
            "tomli_w",
            "zstandard",
        )
    ),
    "stream": frozenset(("aiohttp", "msgspec")),
    "standin": frozenset(("click", "h11", "msgspec", "orjson", "zstandard")),
    "sources": frozenset(("aiohttp", "msgspec", "nats", "nkeys", "zstandard")),
    "session": frozenset(),
    "doctor": frozenset(("aiohttp", "click", "orjson")),
    "manual": frozenset(("rich",)),
}
"""Third-party modules that a part may import; the parts not listed may import any dependency."""


def part(module: str) -> str | None:
    """Return `sources` for `nomad_tui.sources.live`; None for the package itself and modules outside it."""
    package, _, inside = module.partition(".")
    return inside.partition(".")[0] or None if package == "nomad_tui" else None


def module_name(file: Path) -> str:
    return ".".join((ROOT.name, *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


FILES = {module_name(file): file for file in sorted(ROOT.rglob("*.py"))}


@cache
def modules() -> dict[str, ast.Module]:
    """Parse all modules of the package: lazily, in the worker that runs these tests."""
    return {module: ast.parse(file.read_text(encoding="utf-8")) for module, file in FILES.items()}


def imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield every module imported anywhere in `tree`, also in functions and under `if TYPE_CHECKING`."""
    package = module if FILES[module].stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            inside = (f"{source}.{alias.name}" for alias in node.names)
            yield from (name if name in FILES else source for name in inside)


def packages(module: str) -> Iterator[str]:
    """Yield a module and its parent packages, which are imported with it."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def layer(of: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if of in parts)


def test_every_part_has_its_layer() -> None:
    assert {named for module in modules() if (named := part(module))} <= frozenset().union(*LAYERS)


def test_imports_point_inwards() -> None:
    for module, tree in modules().items():
        if (own := part(module)) is None:
            continue
        imported = set(imports(module, tree))
        inner = {named for each in imported if (named := part(each))} - {own}
        assert not {named for named in inner if layer(named) > layer(own)}, module
        libraries = {each.partition(".")[0] for each in imported} - {"nomad_tui"}
        assert libraries - sys.stdlib_module_names <= LIBRARIES.get(own, EVERY_LIBRARY), module


def test_no_import_circles() -> None:
    """Includes imports in functions and for types only, and the parent packages of a module."""
    graph = {
        module: {each for name in imports(module, tree) for each in packages(name)} & FILES.keys() - {*packages(module)}
        for module, tree in modules().items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_sinks_import_definitions_then_delivery_then_types_then_the_runner() -> None:
    order = ["nomad_tui.sinks." + each for each in ("definition", "delivery", "types", "runner")]
    for module, tree in modules().items():
        own = next((number for number, package in enumerate(order) if module.startswith(package)), len(order))
        assert not [each for each in imports(module, tree) if each.startswith(tuple(order[own + 1 :]))], module


def test_sources_read_the_same_for_every_screen() -> None:
    """Nothing that reads a stream imports the UI or Textual."""
    for module, tree in modules().items():
        if part(module) not in ("manual", "ui", "cli"):
            assert not [name for name in imports(module, tree) if name.partition(".")[0] in ("textual", "rich")], module


def test_core_names_nothing_that_reads_or_writes() -> None:
    for module, tree in modules().items():
        if part(module) == "core":
            assert not {name.partition(".")[0] for name in imports(module, tree)} & INPUT_AND_OUTPUT, module
            assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("open", "print")]


INPUT_AND_OUTPUT = frozenset(
    ("asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "selectors", "shutil")
) | frozenset(("socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "urllib"))
NO_CORE_MODULE_LOADS = ("asyncio", "ssl", "aiohttp", "textual", "rich", "click")
"""Also not indirectly, through a dependency."""
CORE = [name for _, name, _ in pkgutil.walk_packages(nomad_tui.core.__path__, "nomad_tui.core.")]

LOOK = """
import importlib, sys
for module in sys.argv[2:]:
    importlib.import_module(module)
    outside = {name for name in sys.modules if name.startswith("nomad_tui.") and not name.startswith("nomad_tui.core")}
    loaded = outside | set(sys.argv[1].split()) & set(sys.modules)
    if loaded:
        sys.exit(f"{module} loads {', '.join(sorted(loaded))}")
"""


def test_core_does_no_input_or_output_and_draws_nothing() -> None:
    """Checks the modules that are loaded after importing each module of `core`."""
    assert len(CORE) > 20
    looked = subprocess.run(
        [sys.executable, "-c", LOOK, " ".join(NO_CORE_MODULE_LOADS), *CORE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (looked.returncode, looked.stderr) == (0, "")
