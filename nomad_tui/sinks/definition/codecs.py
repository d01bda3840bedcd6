"""Codecs of fields that only sink definitions have."""

import base64
import binascii
import re
from string import Formatter
from typing import Final

from nomad_tui.config.fields import FieldCodec, FieldPath, line, quoted, read_text, with_absolute_file
from nomad_tui.config.references import ValueUnavailableError, reads_file, refers, resolve
from nomad_tui.core.level import Level
from nomad_tui.core.subscription import Subscription, SubscriptionError
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL

LONGEST_ID: Final = 64
"""Characters; an ID is also a file name."""

PLACEHOLDERS: Final = ("region", "topic", "type", "namespace", "key", "index")
"""Placeholders allowed in a subject template."""

LABEL_VALUES: Final = ("region", "namespace", "topic", "type", "job", "group", "node", "level")
"""Placeholders allowed in a label's value."""
METHODS: Final = ("POST", "PUT", "PATCH")
LONGEST_TEMPLATE: Final = 100_000
"""Characters."""

_CONTENT_TYPE: Final = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+(?:; ?charset=utf-8)?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ID: Final = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{LONGEST_ID - 1}}}")
_TOPIC: Final = re.compile(r"\*|[A-Za-z][A-Za-z0-9_-]{0,63}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_OWN_HEADERS: Final = frozenset(
    (
        *("connection", "content-length", "content-type", "expect", "host", "te", "trailer", "transfer-encoding"),
        "upgrade",
    )
)
_NO_STREAM_NAME: Final = re.compile(r"[\s.*>/\\]|[^\x21-\x7e]")


class _AnyVariable(dict[str, str]):
    """An environment in which every variable is `1`, which is valid as a host and as a port."""

    def get(self, name: str, default: object = None) -> str:
        return "1"

    def __getitem__(self, name: str) -> str:
        return "1"


_ANY_VARIABLE: Final = _AnyVariable()


def with_variables(text: str, path: FieldPath) -> str:
    """The text with a dummy value for each `${VARIABLE}`. Raises `FieldError` for a malformed reference."""
    try:
        return text if reads_file(text) else resolve(text, _ANY_VARIABLE)
    except ValueUnavailableError as error:
        raise path.error(f"has an invalid variable: {str(error).rstrip('.')}") from None


def _read_id(raw: object, path: FieldPath) -> str:
    if not isinstance(raw, str) or _ID.fullmatch(raw) is None:
        wanted = f"1 to {LONGEST_ID} of A-Z, a-z, 0-9, dot, _ and -, not beginning with a dot"
        raise path.error(f"is {quoted(raw)}: write {wanted}")
    return raw


ID: Final = FieldCodec(_read_id)


def _read_topics(raw: object, path: FieldPath) -> Subscription:
    wanted: list[tuple[str, FieldPath]] = []
    example = '["Deployment", "Job:web"]'
    match raw:
        case str():
            raise path.error(f"is {quoted(raw)}: write a list, such as {example}")
        case list():
            wanted = [(read_text(text, path.item(number)), path.item(number)) for number, text in enumerate(raw)]
        case dict():
            for topic, keys in raw.items():
                of_topic = path.member(topic)
                if ":" in topic:
                    raise of_topic.error(f'is not a topic: write the name alone and the key as its value, ["{ALL}"]')
                for number, key in enumerate(keys if isinstance(keys, list) else [keys]):
                    of_key = of_topic.item(number) if isinstance(keys, list) else of_topic
                    text = read_text(key, of_key, 'a key in quotes, or "*" for all')
                    wanted.append((f"{topic}:{text}", of_key))
                if keys == []:
                    raise of_topic.error(f'is an empty list: write ["{ALL}"] for all keys, or leave it out')
        case _:
            raise path.error(f"is {quoted(raw)}: write a list, such as {example}")
    for text, at in wanted:
        topic, _, key = text.partition(":")
        if _TOPIC.fullmatch(topic.strip()) is None:
            raise at.error(
                f"names the topic {quoted(topic)}, and topics are single words: write one such as Deployment"
            )
        if ":" in key:
            raise at.error(
                f"has a key with a colon, {quoted(key)}, which Nomad's event stream rejects: "
                f"write {topic} alone, and `filter` for the key"
            )
        try:
            Subscription.parse((text,))
        except SubscriptionError:
            raise at.error(f"is {quoted(text)}: write Topic, Topic:* or Topic:key, such as Job:web") from None
    subscription = Subscription.parse(text for text, _ in wanted)
    return Subscription() if subscription.everything else subscription


def _write_topics(subscription: Subscription) -> dict[str, list[str]]:
    return {topic: sorted(keys) for topic, keys in sorted(subscription.topics.items())} or {ALL: [ALL]}


TOPICS: Final = FieldCodec(_read_topics, _write_topics)


def _read_namespaces(raw: object, path: FieldPath) -> frozenset[str]:
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, list):
        raise path.error(f'is {quoted(raw)}: write a list, such as ["default", "web"]')
    name = line("the name of a namespace")
    names = frozenset(name.read(item, path.item(number)) for number, item in enumerate(raw))
    return frozenset() if ALL in names else names


NAMESPACES: Final = FieldCodec(_read_namespaces, sorted)


def _read_headers(raw: object, path: FieldPath) -> tuple[tuple[str, str], ...]:
    if not isinstance(raw, dict):
        raise path.error(f"is {quoted(raw)}: write a table of names and values")
    headers: dict[str, str] = {}
    names: set[str] = set()
    for name, value in raw.items():
        at = path.member(name)
        if _HEADER.fullmatch(name) is None:
            raise at.error("is not a header name: write letters, digits and dashes")
        if name.lower() in _OWN_HEADERS or name.lower().startswith("webhook-"):
            raise at.error("is a header that nomad-tui sets itself: leave it out")
        if name.lower() in names:
            raise at.error("is defined twice, as header names ignore case: remove one")
        if not isinstance(value, str):
            raise at.error(f"is {quoted(value)}: write a string in quotes")
        if value.strip() != value or value.replace("\t", " ") != printable(value.replace("\t", " ")):
            raise at.error("starts or ends with a space, or holds a control character: remove it")
        with_variables(value, at)
        names.add(name.lower())
        headers[name] = with_absolute_file(value, at)
    return tuple(headers.items())


HEADERS: Final = FieldCodec(_read_headers, dict)


def _read_secret(raw: object, path: FieldPath) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise path.error('is not a text: write "whsec_…", "${VARIABLE}" or "file:PATH"')
    text = raw.strip()
    with_variables(text, path)
    if not refers(text):
        try:
            are_keys = all(base64.b64decode(each.removeprefix("whsec_"), validate=True) for each in text.split())
        except (binascii.Error, ValueError):
            are_keys = False
        if not are_keys:
            raise path.error(
                'is not a Standard Webhooks secret: write "whsec_" followed by base64, '
                "such as openssl rand -base64 32 makes"
            )
    return with_absolute_file(text, path)


SECRET: Final = FieldCodec(_read_secret)


def _read_stream(raw: object, path: FieldPath) -> str:
    text = read_text(raw, path, "the name of a stream")
    if _NO_STREAM_NAME.search(text) is not None:
        raise path.error(f"is {quoted(text)}: write a name without spaces, dots, slashes, * and >")
    return text


STREAM: Final = FieldCodec(_read_stream)


def _read_subject(raw: object, path: FieldPath) -> str:
    text = read_text(raw, path, "a subject such as nomad.{region}.{topic}.{type}")
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise path.error(f"is {quoted(text)}, with a brace that has no other: the placeholders are {known}") from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            raise path.error(f"names {quoted(f'{{{name}}}')}: the placeholders are {known}")
    fixed = "".join(literal + ("x" if name is not None else "") for literal, name, _, _ in parts)
    if "{{" in text or "}}" in text or not all(fixed.split(".")) or re.search(r"[\s*>{}]|[^\x20-\x7e]", fixed):
        raise path.error(f"is {quoted(text)}: write words with single dots between, without spaces, * and >")
    return text


SUBJECT: Final = FieldCodec(_read_subject)


def _read_level(raw: object, path: FieldPath) -> Level:
    words = {level.word: level for level in Level}
    if not isinstance(raw, str) or raw not in words:
        raise path.error(f"is {quoted(raw)}: write {', '.join(words)}, in quotes")
    return words[raw]


LEVEL: Final = FieldCodec(_read_level, lambda level: level.word)


def _read_template(raw: object, path: FieldPath) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise path.error("is not a template: write a string in quotes")
    if len(raw) > LONGEST_TEMPLATE:
        raise path.error(f"is longer than {LONGEST_TEMPLATE:,} characters: write a shorter one")
    if raw != raw.encode(errors="replace").decode() or "\0" in raw:
        raise path.error("holds an invalid character: remove it")
    return raw


TEMPLATE: Final = FieldCodec(_read_template)


def _read_content_type(raw: object, path: FieldPath) -> str:
    if not isinstance(raw, str) or _CONTENT_TYPE.fullmatch(raw) is None:
        raise path.error(f"is {quoted(raw)}: write one such as application/json")
    return raw


CONTENT_TYPE: Final = FieldCodec(_read_content_type)


def _read_method(raw: object, path: FieldPath) -> str:
    if raw not in METHODS:
        raise path.error(f"is {quoted(raw)}: write {', '.join(METHODS)}")
    return str(raw)


METHOD: Final = FieldCodec(_read_method)


def _read_routing_key(raw: object, path: FieldPath) -> str:
    text = read_text(raw, path, "the integration key, ${VARIABLE} or file:PATH").strip()
    with_variables(text, path)
    return with_absolute_file(text, path)


ROUTING_KEY: Final = FieldCodec(_read_routing_key)


def _read_variables(raw: object, path: FieldPath) -> frozenset[str]:
    if not isinstance(raw, list):
        raise path.error(f'is {quoted(raw)}: write a list of variables, such as ["PAGER_TOKEN"]')
    for number, name in enumerate(raw):
        if not isinstance(name, str) or _VARIABLE.fullmatch(name) is None:
            raise path.item(number).error(f"is {quoted(name)}: write the name of a variable, such as PAGER_TOKEN")
    return frozenset(raw)


VARIABLES: Final = FieldCodec(_read_variables, sorted)


def _read_labels(raw: object, path: FieldPath) -> tuple[tuple[str, str], ...]:
    if not isinstance(raw, dict) or not raw:
        raise path.error(f'is {quoted(raw)}: write a table such as {{ topic = "{{topic}}" }}')
    known = ", ".join(f"{{{name}}}" for name in LABEL_VALUES)
    for name, value in raw.items():
        at = path.member(name)
        if _LABEL.fullmatch(name) is None:
            raise at.error("is not a label name: write letters, digits and _, not starting with a digit")
        if not isinstance(value, str) or not value or value != printable(value):
            raise at.error(f"is {quoted(value)}: write a string in quotes")
        try:
            parts = list(Formatter().parse(value))
        except ValueError:
            raise at.error(f"is {quoted(value)}, with a brace that has no other: there are {known}") from None
        if any(part is not None and (part not in LABEL_VALUES or form or how) for _, part, form, how in parts):
            raise at.error(f"is {quoted(value)}: there are {known}")
    return tuple(raw.items())


LABELS: Final = FieldCodec(_read_labels, dict)
