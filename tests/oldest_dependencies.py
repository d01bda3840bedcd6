"""Prints pip constraints for the oldest allowed release of each dependency: `python -m tests.oldest_dependencies`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"
_BOUND: Final = re.compile(r"([A-Za-z0-9._-]+)(\[[^]]*\])?>=([^,;\s]+)")


def constraints() -> Iterator[str]:
    """Yield a constraint for each dependency, including those of extras other than `dev`."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    extras = (each for name, group in project["optional-dependencies"].items() if name != "dev" for each in group)
    for dependency in (*project["dependencies"], *extras):
        bound = _BOUND.match(dependency)
        assert bound is not None, f"{dependency} has no lower bound"
        yield f"{bound[1]}=={bound[3]}"


if __name__ == "__main__":
    print("\n".join(constraints()))
