"""Sentences about everything that is small or rare: services, variables, pools, volumes, plugins, ACLs.

These payloads are a few hundred bytes, so they are read whole. An object of a topic no release is known to
send gets the scalars that tell most, and the event's type in words where there is none.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.secrets import masked_text, names_secret
from nomad_tui.core.sentence.parts import (
    ARROW,
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
    Sentence,
    dim,
    good,
    named,
    plain,
    reason,
    sentence,
    short,
    status,
    warn,
    words,
)
from nomad_tui.core.sentence.reading import anything
from nomad_tui.core.topics import payload_keys

READ_LIMIT: Final = 1 << 18
"""A payload larger than this is not read: nothing here is known to reach a hundredth of it."""


_TELLING: Final = ("Status", "State", "Health", "Message", "Description", "Type")

_INDEXES: Final = re.compile(r"(Index|Time|ID|At)$")

Fields = dict[str, Any]


class _Event(NamedTuple):
    type_: str
    key: str
    now: Fields
    before: Fields | None
    deleted: bool
    """The payload says so itself."""


def describe(topic: str, type_: str, key: str, payload: bytes, previous: bytes | None) -> Sentence:
    """Always a sentence: the type in words where the payload tells nothing."""
    whole = _whole(payload)
    now = _object(topic, whole)
    if now is None:
        return sentence(named("", key), [dim(words(type_))])
    before = _object(topic, _whole(previous)) if previous is not None else None
    if before is not None and _number(before, "ModifyIndex") > _number(now, "ModifyIndex"):
        before = None  # A restarted server sends old events again: what was seen last came later.
    teller = _TELLERS.get(topic)
    if teller is None:
        return _unknown(type_, key, now, before)
    return teller(_Event(type_, key, now, before, whole.get("Deleted") is True))


def _whole(payload: bytes) -> Fields:
    value = anything(payload) if len(payload) <= READ_LIMIT else None
    return value if isinstance(value, dict) else {}


def _object(topic: str, whole: Fields) -> Fields | None:
    """The topic's object; for a topic without a documented key the payload's only object, else all of it."""
    for key in payload_keys(topic):
        if isinstance(found := whole.get(key), dict):
            return found
    if topic in _TELLERS:
        return None
    objects = [value for value in whole.values() if isinstance(value, dict)]
    return objects[0] if len(objects) == 1 else whole or None


def _text(fields: Fields, name: str) -> str:
    return value if isinstance(value := fields.get(name), str) else ""


def _number(fields: Fields, name: str) -> int:
    return value if isinstance(value := fields.get(name), int) and not isinstance(value, bool) else 0


def _texts(fields: Fields, name: str) -> list[str]:
    value = fields.get(name)
    return [item[:VALUE_LIMIT] for item in value[:8] if isinstance(item, str)] if isinstance(value, list) else []


def _verb(event: _Event) -> Part:
    """What was done, from the type and from the indexes: only equal ones prove a creation."""
    type_, fields = event.type_, event.now
    created = _number(fields, "CreateIndex") == _number(fields, "ModifyIndex") > 0
    if event.deleted or type_.endswith("Deleted"):
        return warn("deleted")
    if type_.endswith(("Deregistered", "Deregistration")):
        return warn("deregistered")
    if type_.endswith(("Registered", "Registration")):
        return plain("registered" if created or "CreateIndex" not in fields else "updated")
    return plain("created" if created else "updated")


def _service(event: _Event) -> Sentence:
    address, port = _text(event.now, "Address"), _number(event.now, "Port")
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    tags = ", ".join(_texts(event.now, "Tags"))
    # Only a registration writes a service; any other write, such as a plan that loses an allocation, deletes it.
    happened = [plain("registered") if event.type_ == "ServiceRegistration" else warn("deregistered")]
    if event.type_ == "ServiceRegistration" and event.before is not None and event.before != event.now:
        happened = [plain("registered again")]
    happened.append(plain(f" {where}"))
    if tags:
        happened.append(dim(f" {masked_text(tags)}"))
    return sentence(named(_text(event.now, "ServiceName"), event.key), happened)


def _variable(event: _Event) -> Sentence:
    happened = [_verb(event)]
    if not event.deleted and isinstance(event.now.get("Lock"), dict):
        happened += [DOT, warn("locked")]
    return sentence(named(_text(event.now, "Path"), event.key), happened)


def _described(event: _Event) -> Sentence:
    happened = [_verb(event)]
    if description := reason(_text(event.now, "Description")):
        happened += [DOT, dim(description)]
    return sentence(named(_text(event.now, "Name"), event.key), happened)


def _host_volume(event: _Event) -> Sentence:
    state, was = _text(event.now, "State"), _text(event.before or {}, "State")
    happened = [_verb(event)]
    if state and was and was != state:
        happened = [plain(was, VALUE_LIMIT), ARROW, status(state)]
    elif state and not event.type_.endswith("Deleted"):
        happened += [DOT, status(state)]
    details = [_text(event.now, "PluginID")[:VALUE_LIMIT]]
    if (size := _number(event.now, "CapacityBytes")) > 0:
        details.append(byte_count(size))
    if details := [detail for detail in details if detail]:
        happened += [DOT, dim(", ".join(details))]
    return sentence(named(_text(event.now, "Name") or _text(event.now, "ID"), event.key), happened, status=state)


def _csi_volume(event: _Event) -> Sentence:
    claims = ", ".join(
        f"{count(len(held))} {'writer' if kind == 'Write' else 'reader'}{'' if len(held) == 1 else 's'}"
        for kind in ("Write", "Read")
        if isinstance(held := event.now.get(f"{kind}Allocs") or event.now.get(f"{kind}Claims"), dict) and held
    )
    happened = [plain("claims changed") if event.type_ == "CSIVolumeClaim" else _verb(event)]
    if claims:
        happened += [DOT, plain(claims)]
    if event.now.get("Schedulable") is False and not event.type_.endswith("Deregistered"):
        happened += [DOT, warn("not schedulable")]
    if plugin := _text(event.now, "PluginID"):
        happened += [DOT, dim(plugin, VALUE_LIMIT)]
    return sentence(named(_text(event.now, "Name") or _text(event.now, "ID"), event.key), happened)


def _csi_plugin(event: _Event) -> Sentence:
    happened: list[Part] = []
    for what in ("Controllers", "Nodes"):
        healthy, expected = _number(event.now, f"{what}Healthy"), _number(event.now, f"{what}Expected")
        if healthy or expected:
            said = f"{what.lower()} {count(healthy)} of {count(max(healthy, expected))} healthy"
            happened += [COMMA] if happened else []
            happened.append(good(said) if healthy >= expected else warn(said))
    if not happened:
        happened = [plain("no healthy controller or node")]
    return sentence(named(_text(event.now, "ID"), event.key), happened)


def _token(event: _Event) -> Sentence:
    happened = [_verb(event)]
    if kind := _text(event.now, "Type"):
        happened += [DOT, (warn if kind == "management" else plain)(kind, VALUE_LIMIT)]
    if policies := _texts(event.now, "Policies"):
        happened += [DOT, dim(", ".join(policies))]
    # The key is the accessor. A token's own ID is its secret and is never read here.
    return sentence(named(_text(event.now, "Name") or short(_text(event.now, "AccessorID")), event.key), happened)


def _role(event: _Event) -> Sentence:
    links = event.now.get("Policies")
    names = [_text(link, "Name") for link in links[:8] if isinstance(link, dict)] if isinstance(links, list) else []
    happened = [_verb(event)]
    if policies := ", ".join(name[:VALUE_LIMIT] for name in names if name):
        happened += [DOT, dim(policies)]
    return sentence(named(_text(event.now, "Name"), event.key), happened)


def _auth_method(event: _Event) -> Sentence:
    happened = [_verb(event)]
    if kind := _text(event.now, "Type"):
        happened += [DOT, plain(kind, VALUE_LIMIT)]
    if event.now.get("Default") is True:
        happened += [DOT, plain("default")]
    return sentence(named(_text(event.now, "Name"), event.key), happened)


def _binding_rule(event: _Event) -> Sentence:
    happened = [_verb(event)]
    bind = " ".join(filter(None, (_text(event.now, "BindType"), _text(event.now, "BindName"))))
    if bind:
        happened += [DOT, plain(f"binds {bind}")]
    if selector := _text(event.now, "Selector"):
        happened += [DOT, dim(f"where {selector}")]
    return sentence(named(_text(event.now, "AuthMethod"), event.key), happened)


def _unknown(type_: str, key: str, now: Fields, before: Fields | None) -> Sentence:
    happened = [plain(words(type_), VALUE_LIMIT * 2)]
    for name, value in _telling(now):
        was = before.get(name) if before is not None else None
        happened += [DOT, dim(f"{words(name)} ")]
        if isinstance(was, str | int | float) and was != value:
            happened += [plain(_scalar(was), VALUE_LIMIT), ARROW]
        said = status(value) if isinstance(value, str) and name in ("Status", "State") else None
        happened.append(said or plain(_scalar(value), VALUE_LIMIT))
    subject = next((name for field in ("Name", "Path", "ID") if (name := _text(now, field))), "")
    state = _text(now, "Status") or _text(now, "State")
    return sentence(named(subject if subject != key else "", key), happened, status=state)


def _telling(now: Fields) -> Iterator[tuple[str, Any]]:
    """The three scalars that tell most: the telling names first, then any that are not bookkeeping."""
    names: list[str] = [name for name in _TELLING if name in now]
    names += [name for name in sorted(list(now)[:64]) if name not in _TELLING and name not in ("Name", "Path")]
    found = 0
    for name in names:
        value = now[name]
        if not isinstance(value, str | int | float) or value == "" or names_secret(name) or _INDEXES.search(name):
            continue
        yield name, value
        found += 1
        if found == 3:
            return


def _scalar(value: str | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return count(value) if isinstance(value, int) else masked_text(str(value))


_TELLERS: Final[dict[str, Callable[[_Event], Sentence]]] = {
    "Service": _service,
    "Variable": _variable,
    "NodePool": _described,
    "HostVolume": _host_volume,
    "CSIVolume": _csi_volume,
    "CSIPlugin": _csi_plugin,
    "ACLToken": _token,
    "ACLPolicy": _described,
    "ACLRole": _role,
    "ACLAuthMethod": _auth_method,
    "ACLBindingRule": _binding_rule,
}
