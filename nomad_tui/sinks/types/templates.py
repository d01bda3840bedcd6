"""Jinja2 templates. Their author is trusted; the events are not.

Printed values cannot mention people, the output is limited, an unknown name is an error with its line, and a body with
a JSON content type must be valid JSON.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from time import time_ns
from typing import Any, Final

import msgspec
import orjson
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, meta
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nomad_tui.config.folders import FileError, read_text, shown
from nomad_tui.core import readable
from nomad_tui.core.objects import parts
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.grouping import total
from nomad_tui.sinks.delivery.sink import Delivery, LocalError, RejectedError
from nomad_tui.sinks.types.event_view import NAMES, EventReader, EventView, as_json
from nomad_tui.sinks.types.template_errors import explain_failure, explain_syntax

LARGEST_OUTPUT: Final = 1024 * 1024
"""Characters of output per delivery."""
QUOTED_CHARACTERS: Final = 30
"""Characters of invalid JSON that are quoted to show the position."""
APART: Final = "\N{ZERO WIDTH SPACE}"
"""Inserted into text that would mention somebody; invisible to readers."""

_NAMES: Final = frozenset(NAMES)
_OF_LOOPS: Final = frozenset(("index", "index0", "first", "last", "length"))
_MENTION: Final = re.compile(
    r"(?<=<)(?=[!@#]|/?at>|users/)|(?<=[@!])(?=everyone|here|channel|all|group|subteam|room)|(?<=[<@])\Z",
    re.IGNORECASE,
)
_SLACK: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SLACK_FORMAT: Final = re.compile(r"(?<!\w)[*_~`]|[*_~`](?!\w)")


class _Missing(StrictUndefined):
    """A missing value whose members are missing too: `payload.Job.Meta.team | default("")` needs no test of each
    step."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _name: Any) -> Any:
        return self


class TemplateInvalidError(ValueError):
    """Its `str()` is one sentence that names the template and the line."""


def without_mentions(text: str) -> str:
    """Text from the cluster that no chat interprets as a mention."""
    return _MENTION.sub(APART, text) if "<" in text or "@" in text or "!" in text else text


def escape_slack(text: str) -> str:
    """Escapes text of type mrkdwn, so that Slack does not interpret it as a link, mention or format."""
    escaped = "".join(_SLACK.get(each, each) for each in without_mentions(text))
    return _SLACK_FORMAT.sub(lambda found: f"{found[0]}{APART}", escaped)


def _finalize(value: Any) -> Any:
    if isinstance(value, str):
        return without_mentions(value)
    if value is None:
        return ""
    if isinstance(value, (Undefined, int, float)):
        return value
    return without_mentions(str(value))


def _json(value: Any) -> str:
    if type(value) is str:
        return orjson.dumps(value).decode()
    if isinstance(value, Undefined):
        str(value)  # raises with the name
    if isinstance(value, EventView):
        value = value.event
    return as_json(value)


def _duration(value: Any) -> str:
    return readable.duration(value) if isinstance(value, int | float) else str(value)


def _ago(value: Any) -> str:
    return readable.age(time_ns() - int(value)) if isinstance(value, int | float) and value > 0 else ""


def _truncate(value: Any, length: int = 255, end: str = ELLIPSIS) -> str:
    text = str(value)
    return text if len(text) <= length else text[: max(0, length - len(end))] + end


class _Environment(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """Skips the sandbox for names that are always allowed, and for members of payloads: its checks cost four times
        as much as the lookup, measured."""
        kind = type(obj)
        if (kind is EventView and attribute in _NAMES) or (kind is LoopContext and attribute in _OF_LOOPS):
            return getattr(obj, attribute)
        if kind is dict and attribute in obj and not hasattr(dict, attribute):
            return obj[attribute]
        return super().getattr(obj, attribute)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = _Environment(
        undefined=_Missing,
        finalize=_finalize,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        cache_size=0,
    )
    environment.filters |= {
        "json": _json,
        "tojson": _json,
        "duration": _duration,
        "ago": _ago,
        "short": lambda value: parts.short(str(value)),
        "mrkdwn": lambda value: escape_slack(str(value)),
        "truncate": _truncate,
    }
    return environment


_ENVIRONMENT: Final = _environment()


class Template:
    """A compiled template."""

    def __init__(self, source: str, name: str) -> None:
        """`name` identifies it in errors. Raises `TemplateInvalidError`."""
        self.name = name
        try:
            tree = _ENVIRONMENT.parse(source, name, name)
            used = meta.find_undeclared_variables(tree)
            unknown = sorted(used - {*NAMES, "events", "count"})
            self._names = sorted(used & {*NAMES})
            self.is_of_batch = bool(used & {"events", "count"})
            """Whether it uses more than one event."""
            self._compiled = _ENVIRONMENT.from_string(source)
        except TemplateSyntaxError as error:
            what = explain_syntax(error, _ENVIRONMENT.filters, _ENVIRONMENT.tests)
            raise TemplateInvalidError(f"{name}, line {error.lineno}: {what}") from None
        except (TemplateError, RecursionError, ValueError, OverflowError) as error:
            raise TemplateInvalidError(f"{name}: {explain_failure(error)}") from None
        if unknown:
            line = next((at for at, text in enumerate(source.splitlines(), 1) if unknown[0] in text), 1)
            close = get_close_matches(unknown[0], (*NAMES, "events", "count"), 1)
            remedy = f"write `{close[0]}`" if close else "`nomad-tui help sink-templates` lists the names"
            raise TemplateInvalidError(f"{name}, line {line}: there is no name `{unknown[0]}`: {remedy}")

    def render(self, views: list[EventView], number: int | None = None) -> str:
        """Renders one event or several, `events`; single-event names refer to the last one. `number` is the total count
        if some events are only counted.

        Raises `RejectedError` if it fails on them.
        """
        values: dict[str, Any] = {"events": views, "count": number or len(views)}
        try:
            values |= {name: getattr(views[-1], name) for name in self._names}
            compiled = self._compiled
            return _bounded(compiled.root_render_func(compiled.new_context(values)))
        except RejectedError as error:
            raise RejectedError(f"{self.name}: {error.what}", final=True, too_large=True) from None
        except Exception as error:  # a template may raise anything
            line = self._line_of(error)
            raise RejectedError(f"{self.name}, line {line}: {explain_failure(error)}.", final=True) from None

    def _line_of(self, error: BaseException) -> int:
        """The line of the template where an error was raised."""
        line, trace = 1, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = self._compiled.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line


def _bounded(pieces: Iterable[str]) -> str:
    size = 0
    kept: list[str] = []
    rest = iter(pieces)
    while several := list(islice(rest, 32)):  # one by one takes twice as long
        size += sum(map(len, several))
        if size > LARGEST_OUTPUT:
            raise RejectedError(f"it makes more than {LARGEST_OUTPUT:,} characters. Use truncate, or smaller batches.")
        kept += several
    return "".join(kept)


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip()
    return kind == "application/json" or kind.endswith("+json")


class DeliveryTemplate:
    """The template of a definition, compiled when first needed and again when its file has changed."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._template: Template | None = None
        self._read: object = None

    def check(self) -> Template:
        """The compiled template. Raises `TemplateInvalidError`."""
        definition = self._definition
        if definition.template_file is None:
            if self._template is None:
                self._template = Template(definition.template or "", "template")
            return self._template
        file = Path(definition.template_file)
        try:
            found = file.stat()
            read = (found.st_mtime_ns, found.st_size, found.st_ino)
            if self._template is None or read != self._read:
                text = read_text(file)
                self._template, self._read = Template(text or "", shown(file)), read
        except (OSError, FileError, UnicodeDecodeError) as error:
            what = error.strerror if isinstance(error, OSError) else str(error)
            raise TemplateInvalidError(f"{shown(file)} cannot be read: {what}") from None
        return self._template

    def render(self, delivery: Delivery) -> str:
        """The body of a delivery. Raises `UndeliveredError`."""
        definition = self._definition
        try:
            template = self.check()
        except TemplateInvalidError as error:
            raise LocalError(f"Nothing can be sent: {error}. Correct the template.") from None
        reader = EventReader()
        views = [
            EventView(item, definition, delivery.region, test=delivery.test, reader=reader) for item in delivery.items
        ]
        text = template.render(views, total(delivery.items))
        if is_json(definition.content_type) and not _parses(text):
            check_json(text, template.name)
        return text


_skip_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


def _parses(text: str) -> bool:
    """Whether a text is valid JSON; its value is not built, which takes a fifth of the time."""
    try:
        _skip_json(text)
    except (ValueError, RecursionError):
        return False
    return True


def check_json(text: str, name: str) -> Any:
    """The value of a JSON text. Raises `RejectedError`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        near = printable(text[error.pos : error.pos + QUOTED_CHARACTERS], QUOTED_CHARACTERS)
        where = f"line {error.lineno}, column {error.colno}, before `{near}`" if near else "its end"
        raise RejectedError(
            f"{name}: the output is not JSON at {where}. Write `| json` behind each value, or set content_type.",
            final=True,
        ) from None
