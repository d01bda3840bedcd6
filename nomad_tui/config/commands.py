"""Commands in the settings of watch rules and sinks."""

from pathlib import Path
from typing import Final

from nomad_tui.config.fields import FieldCodec, FieldPath, absolute_path, quoted, read_text
from nomad_tui.process import WITHHELD

MAX_ARGUMENTS: Final = 100
_EXAMPLE: Final = 'write the program and its arguments, such as ["/usr/local/bin/page", "--quiet"]'


def _read_command(raw: object, path: FieldPath) -> tuple[str, ...]:
    """Reads a command. A relative path of the program is resolved against the settings' folder, `~` to the home
    folder."""
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_ARGUMENTS:
        no_shell = ", but commands do not run in a shell" if isinstance(raw, str) else ""
        raise path.error(f"is {quoted(raw)}{no_shell}: {_EXAMPLE}")
    argv: list[str] = []
    for number, argument in enumerate(raw):
        at = path.item(number)
        if not isinstance(argument, str) or "\0" in argument:
            raise at.error(f"is {quoted(argument)}: write a string in quotes")
        argv.append(argument)
    program = read_text(argv[0], path.item(0), "the program")
    argv[0] = absolute_path(program, path.item(0)) if "/" in program or program.startswith("~") else program
    return tuple(argv)


COMMAND: Final = FieldCodec(_read_command, list)


def _read_inherited(raw: object, path: FieldPath) -> frozenset[str]:
    if not isinstance(raw, list):
        raise path.error(f'is {quoted(raw)}: write a list, such as ["NOMAD_TOKEN"]')
    for number, name in enumerate(raw):
        if name not in WITHHELD:
            known = ", ".join(sorted(WITHHELD))
            raise path.item(number).error(f"is {quoted(name)}: write {known}; other variables are inherited anyway")
    return frozenset(raw)


INHERITED: Final = FieldCodec(_read_inherited, sorted)


def shown_command(argv: tuple[str, ...]) -> str:
    """The program's file name, for display."""
    return Path(argv[0]).name if argv else ""
