"""Checks that involve more than one field of a definition."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from nomad_tui.config.fields import FieldError, FieldPath, FieldReader, absolute_path, quoted, with_absolute_file
from nomad_tui.config.references import reads_file
from nomad_tui.sinks.definition.codecs import with_variables
from nomad_tui.sinks.definition.definition import HTTP, Definition, Format, Kind

SUFFIXES: Final = (".toml", ".json")
"""Suffixes of definition files."""


def address(kind: Kind, text: str, path: FieldPath) -> str:
    """The address in the form in which it is stored. Raises `FieldError`."""
    match kind:
        case Kind.STDOUT | Kind.EXEC:
            return text
        case _ if kind in HTTP:
            check_url(text, path, ("http", "https"), kind.example)
            return with_absolute_file(text, path)
        case Kind.NATS:
            servers = [server.strip() for server in text.split(",")]
            for server in servers:
                check_url(server, path, ("nats", "tls"), kind.example)
            return with_absolute_file(",".join(servers), path)
        case _:
            return _file(text, path)


def _file(text: str, path: FieldPath) -> str:
    with_variables(text, path)
    if reads_file(text):
        raise path.error(f"is {quoted(text)}: write the path alone")
    if text.endswith("/"):
        raise path.error(f"is {quoted(text)}, a folder: add the name of the file")
    file = Path(absolute_path(text, path))
    if file.parent == path.folder and file.suffix in SUFFIXES:
        raise path.error(
            f"is {quoted(text)}, in the folder of definitions, where it would be read as one: "
            "write another folder, or a name that ends in .ndjson"
        )
    return str(file)


def proxy(text: str, path: FieldPath) -> str:
    check_url(text, path, ("http", "https"), "http://proxy:3128")
    return with_absolute_file(text, path)


def check_pairs(definition: Definition, reader: FieldReader[Definition]) -> Iterator[FieldError]:
    """Fields that contradict each other."""
    given: Callable[[str], str] = lambda attribute: quoted(reader.given[attribute])  # noqa: E731
    if definition.concurrency > 1 and definition.ordered:
        yield reader.path("concurrency").error(
            f"is {definition.concurrency}, and batches in order go one by one: "
            f"set `{reader.name('ordered')}` to false, or write 1"
        )
    least, most = "retry.min_backoff", "retry.max_backoff"
    if definition.retry.max_backoff < definition.retry.min_backoff:
        which = most if most in reader.given else least
        yield reader.path(which).error(
            f"is {given(which)}, so `{reader.name(most)}` is shorter than `{reader.name(least)}`: "
            f"write a longer `{reader.name(most)}`"
        )
    if definition.tls.client_key is not None and definition.tls.client_cert is None:
        yield reader.path("tls.client_key").error(f"needs `{reader.name('tls.client_cert')}`: write both, or neither")
    if definition.alert_to == definition.id:
        yield reader.path("alert_to").error("is this sink itself: name another, which can report its failure")
    yield from _check_templates(definition, reader)
    jetstream, window = definition.jetstream, "jetstream.duplicate_window"
    if jetstream.credentials is not None and jetstream.nkey is not None:
        yield reader.path("jetstream.nkey").error(
            f"and `{reader.name('jetstream.credentials')}` are both set: remove one"
        )
    if jetstream.max_age is not None and window in reader.given and jetstream.duplicate_window > jetstream.max_age:
        yield reader.path(window).error(
            f"is {given(window)}, longer than `{reader.name('jetstream.max_age')}`, which NATS refuses: "
            "write a shorter one"
        )


def _check_templates(definition: Definition, reader: FieldReader[Definition]) -> Iterator[FieldError]:
    """Checks that a template is given exactly if required, only one, and that only rendered sinks are grouped."""
    sources = [name for name in ("template", "template_file") if name in reader.given]
    if definition.format is Format.TEMPLATE:
        if definition.kind is not Kind.WEBHOOK:
            yield reader.path("format").error('is "template", which only sinks of type webhook have: write another')
        elif not sources:
            yield reader.path("template").error("is missing: write the template, or `template_file` and its path")
        elif len(sources) > 1:
            yield reader.path("template_file").error("and `template` are both set: remove one")
    elif sources:
        yield reader.path(sources[0]).error('needs format = "template": write that too, or remove it')
    if definition.format is Format.TASKS and definition.kind is Kind.NATS:
        yield reader.path("format").error('is "tasks", which makes several records of an event: write another for NATS')
    if definition.kind is Kind.WEBHOOK and definition.format is not Format.TEMPLATE:
        for name in ("group_by", "max_age"):
            if name in reader.given:
                yield reader.path(name).error('needs format = "template" in a webhook: write that too, or remove it')
    if definition.kind is Kind.PAGERDUTY and definition.routing_key is None:
        yield reader.path("routing_key").error('is missing: write routing_key = "${PAGERDUTY_KEY}"')


def check_url(text: str, path: FieldPath, schemes: tuple[str, ...], example: str) -> None:
    """Checks a URL, but not the values of its variables. Raises `FieldError`."""
    wanted = f"write one such as {example}"
    filled = with_variables(text, path)
    if text.startswith("${") or reads_file(text):
        return
    try:
        parts = urlsplit(filled)
        names_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, names_host = urlsplit(""), False
    scheme, separator, _ = filled.partition("://")
    if scheme.lower() not in schemes or not separator:
        known = ", ".join(f"{scheme}://" for scheme in schemes)
        raise path.error(f"is {quoted(text)}; addresses start with {known}: {wanted}")
    if any(character.isspace() for character in filled):
        raise path.error(f"is {quoted(text)}, with a space in it: {wanted}")
    if not names_host:
        raise path.error(f"is {quoted(text)}, without a host, or with an invalid port: {wanted}")
