"""Shell scripts that complete without starting this program.

A script contains what never changes: commands, options, topics, fields. The rest (profiles, sinks and saved filters)
the shell itself reads from the operator's files.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import click

from nomad_tui.config.saved_filters import PRESETS
from nomad_tui.core.filter import FIELDS
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.manual import pages

TOPIC, FILTER, PROFILE, SINK, FILE, ANYTHING = "topic", "filter", "profile", "sink", "file", "anything"
"""Kinds of values, besides a fixed list of words."""

_FOLDER: Final = (
    "$HOME/Library/Application Support/nomad-tui"
    if sys.platform == "darwin"
    else "${XDG_CONFIG_HOME:-$HOME/.config}/nomad-tui"
)
_PROFILES: Final = r"""sed -n 's/^ *\[profile\.\"\{0,1\}\([A-Za-z0-9_. -]*\)\"\{0,1\}\].*/\1/p'"""
_SINKS: Final = (
    r"""sed -n '/^ *\[/{h;d;}; /^ *id *=/{G; s/^ *id *= *["'\'']\([^"'\'']*\)["'\''].*\n *\[\[ *sink *\]\].*/\1/p;}'"""
)
"""Prints the IDs in `[[sink]]` tables; sed's hold space contains the current table's heading."""
_SINKS_FISH: Final = _SINKS.replace("'\\''", "\\'")
"""In fish, a single quote within single quotes is escaped by a backslash."""
_FILTERS: Final = r"""sed -n "s/^ *filter *= *[\"']\(.*\)[\"'].*/\1/p" """.strip()


@dataclass(frozen=True, slots=True)
class _Option:
    names: tuple[str, ...]
    kind: str
    """The kind of its value; empty for a flag."""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Command:
    path: tuple[str, ...]
    commands: tuple[str, ...]
    options: tuple[_Option, ...]
    argument: str
    """The kind of its arguments; empty if it has none."""


def _walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[_Command]:
    context = click.Context(command)
    names = command.list_commands(context) if isinstance(command, click.Group) else []
    given = [each for each in command.params if isinstance(each, click.Option)]
    options = tuple(_option(each) for each in given)
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    yield _Command(
        path,
        tuple(names),
        (*options, _Option(("--help", "-h"), "")),
        _argument(arguments[0]) if arguments else "",
    )
    for name in names:
        found = command.get_command(context, name) if isinstance(command, click.Group) else None
        if found is not None:
            yield from _walk(found, (*path, name))


def _option(option: click.Option) -> _Option:
    names = tuple(each for each in (*option.opts, *option.secondary_opts) if each.startswith("-"))
    if option.is_flag or option.count:
        return _Option(names, "")
    if isinstance(option.type, click.Choice):
        return _Option(names, ANYTHING, tuple(map(str, option.type.choices)))
    kinds = {"--topic": TOPIC, "--filter": FILTER, "--profile": PROFILE}
    known = next((kinds[name] for name in names if name in kinds), None)
    is_file = isinstance(option.type, click.Path) or (option.metavar or "") in ("FILE", "FOLDER", "DIRECTORY")
    return _Option(names, known or (FILE if is_file else ANYTHING))


def _argument(argument: click.Argument) -> str:
    metavar = argument.metavar or ""
    if isinstance(argument.type, click.Choice):
        return " ".join(map(str, argument.type.choices))
    if "TOPIC" in metavar:
        return " ".join(page.topic for page in pages())
    return SINK if "ID" in metavar else FILE if "FILE" in metavar else ANYTHING


def _cases(commands: list[_Command], given: str) -> Iterator[str]:
    """For bash and zsh: the options of each command, and how the value of the previous option is completed.

    `given` are the arguments of `_nomad_tui_kind` after the kind.
    """
    for one in commands:
        words = " ".join(name for option in one.options for name in option.names)
        yield f"        {_quoted(''.join(f' {each}' for each in one.path))})"
        yield f"            options={_quoted(words)} argument={_quoted(' '.join(one.commands) or one.argument)}"
        yield "            case $prev in"
        for option in one.options:
            if option.kind:
                call = f"_nomad_tui_kind {_quoted(' '.join(option.words) or option.kind)} {given}"
                yield f"                {'|'.join(option.names)}) {call}; return ;;"
        yield "            esac ;;"


def _bash(commands: list[_Command]) -> Iterator[str]:
    fields = " ".join(f"{each.name}:" for each in FIELDS)
    yield f"""# Completion of nomad-tui for bash: eval "$(nomad-tui completion bash)"
_nomad_tui_lines() {{
    # Each line of standard input that begins as the word does, quoted for the shell.
    local line begun
    begun=${{1#[\\'\\"]}}
    while IFS= read -r line; do
        [[ $line == "$begun"* ]] && COMPREPLY+=("$(printf %q "$line")")
    done
}}
_nomad_tui_kind() {{
    local folder=$2 cur=$3 file
    case $1 in
        {TOPIC}) COMPREPLY=($(compgen -W '{" ".join(KINDS)}' -- "$cur")) ;;
        {PROFILE}) _nomad_tui_lines "$cur" < <({_PROFILES} "$folder/config.toml" 2>/dev/null) ;;
        {SINK}) _nomad_tui_lines "$cur" < <(
            {_SINKS} "$folder/config.toml" 2>/dev/null
            for file in "$folder"/sinks/*.toml "$folder"/sinks/*.json; do
                [[ -e $file ]] && file=${{file##*/}} && printf '%s\\n' "${{file%.*}}"
            done) ;;
        {FILTER})
            COMPREPLY=($(compgen -W '{fields}' -- "$cur"))
            _nomad_tui_lines "$cur" < <(
                {_FILTERS} "$folder/filters.toml" 2>/dev/null
                printf '%s\\n' {" ".join(_quoted(each) for each in PRESETS.values())}) ;;
        {FILE}) COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null ;;
        {ANYTHING}) ;;
        *) COMPREPLY=($(compgen -W "$1" -- "$cur")) ;;
    esac
}}
_nomad_tui() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} at='' word i options='' argument=''
    local folder="${{NOMAD_TUI_CONFIG:-{_FOLDER}}}"
    COMPREPLY=()
    # bash splits words at : and =
    if [[ $prev == : || $cur == : ]]; then
        word=${{COMP_WORDS[COMP_CWORD-2]}}
        [[ $cur == : ]] && word=$prev && cur=''
        [[ $word == topic ]] && _nomad_tui_kind {TOPIC} "$folder" "$cur"
        return
    fi
    [[ $cur == '=' ]] && cur=''
    [[ $prev == '=' ]] && prev=${{COMP_WORDS[COMP_CWORD-2]}}
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        [[ $word == --config ]] && folder=${{COMP_WORDS[i+1]}}
        case "$at $word" in
            {_paths(commands)}) at="$at $word" ;;
        esac
    done
    case "$at" in"""
    yield from _cases(commands, '"$folder" "$cur"')
    yield """    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    elif [[ $argument ]]; then
        _nomad_tui_kind "$argument" "$folder" "$cur"
    fi
    [[ ${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _nomad_tui nomad-tui"""


def _zsh(commands: list[_Command]) -> Iterator[str]:
    fields = " ".join(f"{each.name}:" for each in FIELDS)
    yield f"""#compdef nomad-tui
# Completion of nomad-tui for zsh: eval "$(nomad-tui completion zsh)" after compinit
_nomad_tui_kind() {{
    local folder=$2 file
    local -a found
    case $1 in
        {TOPIC}) compadd -- {" ".join(KINDS)} ;;
        {PROFILE}) found=(${{(f)"$({_PROFILES} "$folder/config.toml" 2>/dev/null)"}}); compadd -a found ;;
        {SINK})
            found=(${{(f)"$({_SINKS} "$folder/config.toml" 2>/dev/null)"}})
            for file in "$folder"/sinks/*.(toml|json)(N); do found+=(${{file:t:r}}); done
            compadd -a found ;;
        {FILTER})
            if [[ $PREFIX == topic:* ]]; then
                compadd -P topic: -- {" ".join(KINDS)}
                return
            fi
            compadd -S '' -- {fields}
            found=(${{(f)"$({_FILTERS} "$folder/filters.toml" 2>/dev/null)"}}
                {" ".join(_quoted(each) for each in PRESETS.values())})
            compadd -a found ;;
        {FILE}) _files ;;
        {ANYTHING}) ;;
        *) compadd -- ${{=1}} ;;
    esac
}}
_nomad_tui() {{
    local cur=$words[CURRENT] prev=$words[CURRENT-1] at='' word options='' argument='' i
    local folder="${{NOMAD_TUI_CONFIG:-{_FOLDER}}}"
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        [[ $word == --config ]] && folder=${{(Q)words[i+1]}}
        case "$at $word" in
            {_paths(commands)}) at="$at $word" ;;
        esac
    done
    case "$at" in"""
    yield from _cases(commands, '"$folder"')
    yield """    esac
    if [[ $cur == -* ]]; then
        compadd -- ${=options}
    elif [[ -n $argument ]]; then
        _nomad_tui_kind "$argument" "$folder"
    fi
}
compdef _nomad_tui nomad-tui"""


def _fish(commands: list[_Command]) -> Iterator[str]:
    fields = " ".join(f"{each.name}:" for each in FIELDS)
    topics = " ".join(f"topic:{each}" for each in KINDS)
    paths = " ".join(_quoted(" ".join(one.path)) for one in commands if one.path)
    yield f"""# Completion of nomad-tui for fish: nomad-tui completion fish | source
function __nomad_tui_at
    set -l at
    for word in (commandline -opc)[2..]
        contains -- "$at$word" {paths}; and set at "$at$word "
    end
    test (string trim -- "$at") = "$argv[1]"
end
function __nomad_tui_folder
    set -l given (commandline -opc)
    if set -l place (contains -i -- --config $given)
        echo $given[(math $place + 1)]
    else if set -q NOMAD_TUI_CONFIG
        echo $NOMAD_TUI_CONFIG
    else if set -q XDG_CONFIG_HOME
        echo $XDG_CONFIG_HOME/nomad-tui
    else
        echo {_FOLDER.replace("${XDG_CONFIG_HOME:-$HOME/.config}", "$HOME/.config").replace(" ", chr(92) + " ")}
    end
end
function __nomad_tui_{PROFILE}
    {_PROFILES} (__nomad_tui_folder)/config.toml 2>/dev/null
end
function __nomad_tui_{FILTER}
    printf '%s\\n' {fields} {topics} {" ".join(_quoted(each) for each in PRESETS.values())}
    {_FILTERS} (__nomad_tui_folder)/filters.toml 2>/dev/null
end
function __nomad_tui_{SINK}
    {_SINKS_FISH} (__nomad_tui_folder)/config.toml 2>/dev/null
    for file in (__nomad_tui_folder)/sinks/*.toml (__nomad_tui_folder)/sinks/*.json
        string replace -r '.*/(.*)\\.[a-z]+$' '$1' -- $file
    end
end
complete -c nomad-tui -f"""
    for one in commands:
        at = f"complete -c nomad-tui -n \"__nomad_tui_at '{' '.join(one.path)}'\""
        if one.commands:
            yield f"{at} -a {_quoted(' '.join(one.commands))}"
        elif one.argument:
            yield f"{at} {_fish_values(one.argument, '')}"
        for option in one.options:
            names = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in option.names)
            values = _fish_values(" ".join(option.words) or option.kind, "-x") if option.kind else ""
            yield f"{at} {names} {values}".rstrip()


def _fish_values(kind: str, exclusive: str) -> str:
    match kind:
        case "topic":
            return f"{exclusive} -a {_quoted(' '.join(KINDS))}"
        case "profile" | "filter" | "sink":
            return f"{exclusive} -a '(__nomad_tui_{kind})'"
        case "file":
            return "-F" if not exclusive else "-r -F"
        case "anything":
            return exclusive
        case _:
            return f"{exclusive} -a {_quoted(kind)}"


def _paths(commands: list[_Command]) -> str:
    """The patterns of all commands, for `case`."""
    return " | ".join(_quoted("".join(f" {each}" for each in one.path)) for one in commands if one.path)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def script(shell: str, command: click.Command) -> Iterator[str]:
    """The lines of the script for `bash`, `zsh` or `fish`."""
    yield from {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](list(_walk(command)))
