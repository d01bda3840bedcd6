"""The texts about the event under the cursor that can be copied, with previews.

Values that are masked on the screen are masked in every text.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from typing import Final

from nomad_tui.config import address as addresses
from nomad_tui.config.connection import Connection
from nomad_tui.config.references import FILE, reads_file
from nomad_tui.config.setting import (
    ADDRESS,
    CA_CERT,
    CA_PATH,
    CLIENT_CERT,
    CLIENT_KEY,
    REGION,
    TLS_SERVER_NAME,
    TLS_SKIP_VERIFY,
    Setting,
)
from nomad_tui.core.export.reproduce import (
    Envelope,
    Server,
    allocation_commands,
    as_it_is,
    command,
    curl,
    event_curl,
    is_fit,
    jq_path,
    json_pieces,
    json_text,
    object_name,
    raw_text,
    web_link,
)
from nomad_tui.core.payload.parsing import Members, Raw, RawText, Value
from nomad_tui.core.payload.rows import Path
from nomad_tui.core.search.paths import condition
from nomad_tui.core.secrets import REDACTED, Masking, is_secret, masked, masked_text, redact
from nomad_tui.core.text import printable
from nomad_tui.ui.dialogs.letter_menu import LONGEST_PREVIEW, Choice

UNSAFE: Final = "Not available: a name in it is unsafe to type in a shell."
NO_ALLOCATION: Final = "Only for allocations and objects of a job."
SECRET: Final = "This is a secret: press {tree.reveal} to reveal it first."
"""Why a secret cannot be copied."""


def server_of(connection: Connection, environ: Mapping[str, str] = os.environ) -> Server:
    """The connection without its secrets, and which of its settings the Nomad CLI reads from the operator's shell."""
    address = connection.address

    def text(path: object) -> str | None:
        return None if path is None else str(path)

    given = {
        "region": connection.region,
        "ca_cert": text(connection.ca_cert),
        "ca_path": text(connection.ca_path),
        "client_cert": text(connection.client_cert),
        "client_key": text(connection.client_key),
        "tls_server_name": connection.tls_server_name,
    }
    known = {name for name, value in given.items() if value == environ.get(_SETTINGS[name].variable or "")}
    try:
        if addresses.parse_address(environ.get(ADDRESS.variable or "") or addresses.DEFAULT)[0] == address:
            known.add("address")
    except ValueError:
        pass  # the variable is invalid, and a flag has set the address instead
    if environ.get(TLS_SKIP_VERIFY.variable or ""):
        known.add("skip_verify")
    return Server(
        address=address.base_url,
        path=address.path,
        headers=tuple((name, _in_shell(name, value)) for name, value in connection.headers),
        socket=text(address.socket),
        sends_token=connection.sends_token,
        user=None if connection.http_auth is None else connection.http_auth[0],
        skip_verify=connection.skip_verify,
        proxy_variable=None if connection.proxy is None else connection.proxy.variable,
        known=frozenset(known),
        **given,
    )


_SETTINGS: Final[dict[str, Setting]] = {
    "region": REGION,
    "ca_cert": CA_CERT,
    "ca_path": CA_PATH,
    "client_cert": CLIENT_CERT,
    "client_key": CLIENT_KEY,
    "tls_server_name": TLS_SERVER_NAME,
}


_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def _in_shell(name: str, value: str) -> str:
    """A placeholder, for use in double quotes, for a header's value, which may be a secret."""
    if _VARIABLE.fullmatch(value) is not None:
        return value
    if reads_file(value) and printable(value) == value and "$" not in value:
        return f"$(head -n 1 {shlex.quote(value.removeprefix(FILE))})"
    return f"${{{re.sub('[^A-Z0-9]', '_', name.upper())}}}"


def choices(
    payload: Value,
    path: Path,
    masking: Masking,
    envelope: Envelope | None,
    server: Server | None,
    gap: str = "",
    harm: str = "",
) -> tuple[Choice, ...]:
    """The texts that can be copied of an event with `path` under the cursor.

    `payload` is as received, including secrets; the texts do not contain those that `masking` masks. Without an
    `envelope` it is the payload of a gap, and `gap` the gap's sentence; without a `server` the event is from a
    recording. `harm` says how reading a CSI volume harms or may harm the servers.
    """
    of_payload = _Copies(payload, path, masking)
    return (
        of_payload.value(),
        of_payload.key(),
        of_payload.jq(),
        of_payload.filter(),
        of_payload.subtree(),
        *_warned(_of_event(of_payload, envelope, server, gap), envelope, harm),
    )


_MISSING: Final = Raw()
"""The value at a path that does not exist."""


class _Copies:
    """The texts that can be copied of one path in a payload."""

    def __init__(self, payload: Value, path: Path, masking: Masking) -> None:
        self.payload = payload
        self.path = path
        self.masking = masking
        self.at, self.last_key = _find(payload, path)
        self.is_shown = masking.shows(path)
        self.is_secret = not self.is_shown and is_secret(path, payload)
        self.masked_payload = cache(self._masked_payload)

    @property
    def is_container(self) -> bool:
        return isinstance(self.at, dict | list | Members)

    @property
    def is_hidden(self) -> bool:
        """Whether the value, or a part of it, is masked on the screen."""
        return not self.is_shown and masked(self.at, secret=self.is_secret) is not self.at

    def value(self) -> Choice:
        if isinstance(self.payload, RawText) and isinstance(self.at, Raw) and not self.is_shown:
            return Choice("v", "value", None, "Not JSON. Copy it with e; all values are masked.")
        if self.at is _MISSING:
            return Choice("v", "value", None, "No value is selected.")
        if self.is_container or isinstance(self.at, RawText):
            return self._json("v", "value")
        if self.is_secret and self.is_hidden:
            return Choice("v", "value", None, SECRET)
        value = self.at if self.is_shown else masked(self.at)
        if value == "" and isinstance(value, str):
            return Choice("v", "value", None, "The value is empty.")
        if isinstance(value, str):
            text = as_it_is(value)
            return Choice("v", "value", text) if text is not None else Choice("v", "value as JSON", json_text(value))
        return Choice("v", "value", json_text(value))

    def key(self) -> Choice:
        if self.last_key is None:
            return Choice("k", "key", None, "List items have no key." if self.path else "The payload has no key.")
        if not self.last_key:
            return Choice("k", "key", None, "The key is empty.")
        text = as_it_is(self.last_key)
        return Choice("k", "key", text) if text is not None else Choice("k", "key as JSON", json_text(self.last_key))

    def jq(self) -> Choice:
        text = jq_path(self.path, self.payload)
        return Choice("p", "jq path", text, "jq needs JSON without repeated keys.")

    def filter(self) -> Choice:
        if not self.is_container and self.is_hidden:
            return Choice("f", "filter expression", None, SECRET)
        text = condition(self.path, self.at)
        text = text if text is None else as_it_is(text)
        return Choice("f", "filter expression", text, "Cannot be expressed as a filter.")

    def subtree(self) -> Choice:
        if self.at is _MISSING or isinstance(self.payload, RawText):
            return Choice("s", "subtree as JSON", None, "Only objects and lists have a subtree.")
        if not self.is_container and self.is_secret and self.is_hidden:
            return Choice("s", "subtree as JSON", None, SECRET)
        return self._json("s", "subtree as JSON")

    def _json(self, letter: str, label: str) -> Choice:
        found, _ = _find(self.masked_payload(), self.path)
        return _in_full(letter, label, found)

    def _masked_payload(self) -> Value:
        """The payload, masked as on the screen."""
        if self.masking.reveals_all:
            return self.payload
        if isinstance(self.payload, RawText):
            return RawText((Raw(redact(raw_text(self.payload).encode("utf-8", "replace")).decode()),))
        without = masked(self.payload)
        return without if self.masking.revealed is None else _with(without, self.payload, self.masking.revealed)


def _warned(choices: tuple[Choice, ...], envelope: Envelope | None, harm: str) -> tuple[Choice, ...]:
    """The choices with a warning on those that make a server read a CSI volume."""
    if envelope is None or envelope.topic != "CSIVolume" or not harm:
        return choices
    return tuple(
        replace(each, warning=harm) if each.letter in "cCn" and each.text is not None else each for each in choices
    )


def _of_event(of_payload: _Copies, envelope: Envelope | None, server: Server | None, gap: str) -> tuple[Choice, ...]:
    labels = {
        "i": "IDs of the row",
        "e": "event as JSON",
        "c": "curl, the object",
        "C": "curl, the stream",
        "n": "nomad command",
        "u": "web UI link",
        "l": "nomad, logs",
        "x": "nomad, shell",
        "a": "nomad, status",
    }

    def none(letter: str, why_not: str) -> Choice:
        return Choice(letter, labels[letter], None, why_not)

    if envelope is None:
        nothing = tuple(none(letter, "A gap is not an event.") for letter in labels)
        return (nothing[0], Choice("e", "gap as text", gap), *nothing[2:]) if gap else nothing
    payload = of_payload.masked_payload()
    name = object_name(envelope, payload)
    if not of_payload.masking.reveals_all and masked_text(envelope.key, REDACTED) != envelope.key:
        return tuple(none(letter, "The event's key contains a secret.") for letter in labels)
    is_safe = is_fit(name, envelope.namespace) and not name.startswith("-")
    unfit = "Nomad has no command for this object." if is_safe else UNSAFE
    recorded = "Not available for recordings."
    of_allocation = allocation_commands(envelope, payload, of_payload.path, server)
    no_allocation = _no_command(server) or (NO_ALLOCATION if is_safe and envelope.topic != "Allocation" else UNSAFE)
    return (
        Choice(
            "i",
            labels["i"],
            "\n".join(_ids(envelope, of_payload.masking)) or None,
            "The event does not name an object.",
        ),
        _in_full("e", labels["e"], envelope.with_payload(payload)),
        none("c", recorded) if server is None else Choice("c", labels["c"], curl(envelope, name, server), UNSAFE),
        none("C", recorded) if server is None else Choice("C", labels["C"], event_curl(envelope, server), UNSAFE),
        Choice("n", labels["n"], command(envelope, name, server), _no_command(server) or unfit),
        none("u", recorded)
        if server is None
        else Choice("u", labels["u"], web_link(envelope, name, server), "The web UI has no page for this object."),
        Choice("l", labels["l"], of_allocation.logs, no_allocation),
        Choice("x", labels["x"], of_allocation.shell, no_allocation),
        Choice("a", labels["a"], of_allocation.status, no_allocation),
    )


def _no_command(server: Server | None) -> str:
    """Why the Nomad CLI cannot be used with the server; empty if it can."""
    lacking = ["path in the address"] if server is not None and server.path else []
    lacking += ["headers"] if server is not None and server.headers else []
    return f"The nomad CLI does not support {' and no '.join(lacking)}." if lacking else ""


def _ids(envelope: Envelope, masking: Masking) -> list[str]:
    """The event's key and filter keys, without those that contain a secret."""
    names = dict.fromkeys((envelope.key, *envelope.filter_keys))
    shown = [name for name in names if masking.reveals_all or masked_text(name, REDACTED) == name]
    return [name for each in shown if (name := as_it_is(each))]


def _in_full(letter: str, label: str, value: Value) -> Choice:
    """A choice whose full text is created on demand, because a payload may have a megabyte."""
    preview = "".join(islice(json_pieces(value), LONGEST_PREVIEW // 4))[:LONGEST_PREVIEW]
    return Choice(letter, label, partial(json_text, value), preview=preview)


def _find(value: Value, path: Path) -> tuple[Value, str | None]:
    """The value at a path, and its key; `_MISSING` if there is none."""
    key: str | None = None
    for step in path:
        found: Value = _MISSING
        if isinstance(value, dict) and isinstance(step, str):
            key, found = step, value.get(step, _MISSING)
        elif isinstance(value, Members):
            if isinstance(step, int):
                key, found = value[step] if 0 <= step < len(value) else (None, _MISSING)
            else:
                key, found = next((member for member in value if member[0] == step), (step, _MISSING))
        elif isinstance(value, list | RawText) and isinstance(step, int):
            key, found = None, value[step] if 0 <= step < len(value) else _MISSING
        if found is _MISSING:
            return _MISSING, None
        value = found
    return value, key


def _with(without: Value, original: Value, path: Path) -> Value:
    """`without`, but with the value of `original` at a path; both have the same keys."""
    if not path:
        return original
    step, rest = path[0], path[1:]
    if isinstance(without, dict) and isinstance(original, dict) and isinstance(step, str) and step in original:
        return {**without, step: _with(without[step], original[step], rest)}
    if isinstance(without, list) and isinstance(original, list) and isinstance(step, int) and step < len(original):
        return [*without[:step], _with(without[step], original[step], rest), *without[step + 1 :]]
    if isinstance(without, Members) and isinstance(original, Members):
        position = (
            step if isinstance(step, int) else next((n for n, (key, _) in enumerate(original) if key == step), -1)
        )
        if 0 <= position < len(original):
            key, inner = without[position]
            shown = (key, _with(inner, original[position][1], rest))
            return Members((*without[:position], shown, *without[position + 1 :]))
    return without
