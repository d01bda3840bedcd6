"""The kinds of values that options take. What reads one is imported when one is given: `--help` needs none of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem


class ByteSize(click.ParamType[int]):
    """`512MiB`, `2G`, `64000000`; powers of 1024 but for KB, MB, GB and TB."""

    name = "size"

    def __init__(self, smallest: int) -> None:
        self.smallest = smallest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        from nomad_tui.core.readable import parse_size

        size = parse_size(str(value))
        if size is None:
            self.fail(f"{value!r} is not a size: write a number with a unit, such as 512MiB.", param, ctx)
        if size < self.smallest:
            self.fail(f"{value!r} is less than {self.smallest:,} bytes: write a unit, such as 512MiB.", param, ctx)
        return size


class Index(click.ParamType[int]):
    """A Nomad index: an unsigned number of which servers take 63 bits."""

    name = "index"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if re.fullmatch(r"[0-9]{1,19}", text) is None or int(text) >= 1 << 63:
            self.fail(f"{text[:40]!r} is not an index. Write a whole number from 0 to {(1 << 63) - 1}.", param, ctx)
        return int(text)


class Since(click.ParamType[int]):
    """A duration as Nomad writes it, `10m` or `1h30m`, in ns."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        from nomad_tui.core.readable import SECOND, parse_duration

        seconds = parse_duration(str(value))
        if seconds is None:
            self.fail(f"{str(value)[:40]!r} is not a duration. Write one such as 90s, 10m or 1h30m.", param, ctx)
        return int(seconds * SECOND)


class Duration(click.ParamType[float]):
    """A duration such as `500ms`, `10s` or `7d`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        from nomad_tui.core.readable import parse_duration

        seconds = parse_duration(str(value), milliseconds=True)
        if seconds is None:
            self.fail(f"{str(value)[:40]!r} is not a duration. Write one such as 500ms, 10s or 7d.", param, ctx)
        return seconds


class FilePath(click.ParamType["Path"]):
    """A file, there or not, as a `pathlib.Path`."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from pathlib import Path

        return click.Path(dir_okay=False, path_type=Path).convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return click.Path(dir_okay=False).shell_complete(ctx, param, incomplete)
