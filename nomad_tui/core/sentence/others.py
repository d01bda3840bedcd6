"""Sentences about everything that is small or rare: services, variables, pools, volumes, plugins, ACLs.

These payloads are a few hundred bytes, so they are read whole. An object of a topic no release is known to
send gets the scalars that tell most, and the event's type in words where there is none.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from nomad_tui.core.readable import byte_count, count, duration
from nomad_tui.core.secrets import masked_text, names_secret
from nomad_tui.core.sentence.beside import NOTHING, Beside
from nomad_tui.core.sentence.parts import (
    ARROW,
    COMMA,
    DOT,
    MESSAGE_LIMIT,
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
    beside: Beside

    @property
    def is_creation(self) -> bool:
        """Only equal indexes prove it."""
        return _number(self.now, "CreateIndex") == _number(self.now, "ModifyIndex") > 0

    @property
    def is_removal(self) -> bool:
        return self.deleted or self.type_.endswith(("Deleted", "Deregistered", "Deregistration"))


def describe(
    topic: str, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside = NOTHING
) -> Sentence:
    """Always a sentence: the type in words where the payload tells nothing."""
    whole = _whole(payload)
    now = _object(topic, whole)
    if now is None:
        return sentence(named("", key), [dim(words(type_))])
    earlier = _whole(previous) if previous is not None else {}
    before = _object(topic, earlier) if earlier and earlier.get("Deleted") is not True else None
    if before is not None and _number(before, "ModifyIndex") > _number(now, "ModifyIndex"):
        before = None  # A restarted server sends old events again: what was seen last came later.
    teller = _TELLERS.get(topic)
    if teller is None:
        return _unknown(type_, key, now, before)
    return teller(_Event(type_, key, now, before, whole.get("Deleted") is True, beside))


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
    """What was done, from the type and from the indexes."""
    type_, fields = event.type_, event.now
    if event.deleted or type_.endswith("Deleted"):
        return warn("deleted")
    if event.is_removal:
        return warn("deregistered")
    if type_.endswith(("Registered", "Registration")):
        return plain("registered" if event.is_creation or "CreateIndex" not in fields else "updated")
    return plain("created" if event.is_creation else "updated")


_FIELDS: Final = {
    "MaxTokenTTL": "max TTL",
    "NodeIdentityTTL": "node identity TTL",
    "ExpirationTime": "expiry",
    "Type": "type",
    "BindType": "bind type",
    "BindName": "bind name",
    "Policies": "policies",
    "Roles": "roles",
    "Rules": "rules",
    "Selector": "selector",
    "JobACL": "job",
    "Global": "global",
    "Default": "default",
    "TokenLocality": "token locality",
    "TokenNameFormat": "token name format",
    "Config": "configuration",
    "SchedulerConfiguration": "scheduler configuration",
    "Meta": "meta",
    "Description": "description",
}
"""Fields of pools and ACL objects that people change, and what they are called; the most telling first."""
_VALUES_SHOWN: Final = frozenset(
    ("BindName", "BindType", "Default", "Global", "MaxTokenTTL", "NodeIdentityTTL", "TokenLocality", "Type")
)
_CHANGES_NAMED: Final = 3


def _changed(event: _Event, *around: Part) -> list[Part]:
    """What was done and what changed, such as `updated · max TTL 1 h → 2 h`; `around` where no change is known."""
    changes = [] if event.is_creation or event.is_removal else _changes(event)
    name = _text(event.before, "Name") if event.before is not None and not event.is_removal else ""
    if name and name != _text(event.now, "Name"):
        happened = [plain(f"renamed from {name[: 2 * VALUE_LIMIT]}")]
    else:
        happened = [_verb(event)]
        around = () if changes else around
    if changes:
        rest = f" +{count(len(changes) - _CHANGES_NAMED)} more" if len(changes) > _CHANGES_NAMED else ""
        around = (plain(", ".join(changes[:_CHANGES_NAMED]) + rest, 2 * MESSAGE_LIMIT),)
    for part in around:
        if part.text:
            happened += [DOT, part]
    return happened


def _changes(event: _Event) -> list[str]:
    now, before = event.now, event.before
    found: list[str] = []
    if before is None:
        return found
    for field, label in _FIELDS.items():
        was, value = before.get(field), now.get(field)
        if was == value:
            continue
        if field in ("Policies", "Roles"):
            found.append(_exchanged(label, _names(event, value), _names(event, was)))
        elif field in _VALUES_SHOWN and (shown := _shown(was)) and (becomes := _shown(value)):
            found.append(f"{label} {shown} → {becomes}")
        else:
            found.append(f"{label} changed")
    return found


def _shown(value: Any) -> str:
    """A value of a field that holds no secret; empty for one that has no short form."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return duration(value)
    if not isinstance(value, str):
        return ""
    return _span(value) or masked_text(value[:VALUE_LIMIT])


def _exchanged(label: str, now: list[str], before: list[str]) -> str:
    added, removed = [name for name in now if name not in before], [name for name in before if name not in now]
    if not added and not removed:
        return f"{label} changed"
    said = [f"{verb} {', '.join(names)}" for verb, names in (("added", added), ("removed", removed)) if names]
    return f"{label} {', '.join(said)}"


_SPAN: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})(?:\.\d{1,9})?s)?", re.ASCII)
"""A duration as Go writes it, `1h0m0s`."""
_SECOND: Final = 1_000_000_000


def _span(text: str) -> str:
    """A duration in words; empty for anything else, and for none."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return ""
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = (hours * 60 + minutes) * 60 + seconds
    return duration(total * _SECOND) if total else ""


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
    job, namespace = _text(event.now, "JobID"), _text(event.now, "Namespace") or event.beside.namespace
    if job:
        place = f" in {namespace[: 2 * VALUE_LIMIT]}" if namespace else ""
        happened += [DOT, dim(f"job {job[: 2 * VALUE_LIMIT]}{place}", 4 * VALUE_LIMIT)]
    return sentence(named(_text(event.now, "ServiceName"), event.key), happened)


def _variable(event: _Event) -> Sentence:
    is_locked = isinstance(event.now.get("Lock"), dict)
    was_locked = event.before is not None and isinstance(event.before.get("Lock"), dict)
    happened = [_verb(event)]
    if was_locked and not is_locked and not event.deleted:
        happened = [plain("unlocked")]
    elif is_locked and not event.deleted:
        is_known = event.before is not None and not event.is_creation
        happened = [warn("locked")] if is_known and not was_locked else [*happened, DOT, warn("locked")]
    return sentence(named(_text(event.now, "Path"), event.key), happened)


def _described(event: _Event) -> Sentence:
    description = dim(reason(_text(event.now, "Description")))
    return sentence(named(_text(event.now, "Name"), event.key), _changed(event, description))


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
    for what, one in _PLUGIN_PARTS:
        healthy, expected = _number(event.now, f"{what}Healthy"), _number(event.now, f"{what}Expected")
        if healthy or expected:
            known = max(healthy, expected)
            said = f"{count(healthy)} of {count(known)} {one}{'' if known == 1 else 's'} healthy"
            happened += [COMMA] if happened else []
            happened.append(good(said) if healthy >= expected else warn(said))
    if event.is_creation:  # no event says that a plugin is gone; a job's deregistration leaves it as it is
        happened = [plain("created"), DOT, *(happened or [dim("no controller or node expected yet")])]
    elif not happened:
        happened = [plain("no controller or node expected")]
    elif event.before is not None and _plugin_counts(event.before) == _plugin_counts(event.now):
        happened.append(dim(" · unchanged"))
    return sentence(named(_text(event.now, "ID"), event.key), happened)


_PLUGIN_PARTS: Final = (("Controllers", "controller"), ("Nodes", "node"))


def _plugin_counts(plugin: Fields) -> list[int]:
    return [_number(plugin, f"{what}{state}") for what, _ in _PLUGIN_PARTS for state in ("Healthy", "Expected")]


def _names(event: _Event, links: Any) -> list[str]:
    """Names of policies or roles, which payloads give as texts, as links with names, or as links with IDs alone."""
    found = []
    for link in links[:8] if isinstance(links, list) else ():
        if isinstance(link, dict):
            identifier = _text(link, "ID")
            link = _text(link, "Name") or (event.beside.name("ACLRole", identifier) if identifier else "")
        if isinstance(link, str) and link:
            found.append(link[:VALUE_LIMIT])
    return found


def _listed(one: str, several: str, names: list[str]) -> Part:
    return dim(f"{one if len(names) == 1 else several} {', '.join(names)}" if names else "")


def _token(event: _Event) -> Sentence:
    policies = _names(event, event.now.get("Policies"))
    roles = _names(event, event.now.get("Roles"))
    kind = _text(event.now, "Type")
    around = [_listed("policy", "policies", policies), _listed("role", "roles", roles)]
    if kind == "management" or not (policies or roles):
        around.insert(0, (warn if kind == "management" else plain)(kind, VALUE_LIMIT))
    if event.is_creation and (span := _span(_text(event.now, "ExpirationTTL"))):
        around.append(plain(f"expires in {span}"))
    # The key is the accessor. A token's own ID is its secret and is never read here.
    name = _text(event.now, "Name") or short(_text(event.now, "AccessorID"))
    return sentence(named(name, event.key), _changed(event, *around))


def _role(event: _Event) -> Sentence:
    policies = _listed("policy", "policies", _names(event, event.now.get("Policies")))
    return sentence(named(_text(event.now, "Name"), event.key), _changed(event, policies))


def _auth_method(event: _Event) -> Sentence:
    default = plain("default" if event.now.get("Default") is True else "")
    around = [plain(_text(event.now, "Type"), VALUE_LIMIT), default]
    return sentence(named(_text(event.now, "Name"), event.key), _changed(event, *around))


def _binding_rule(event: _Event) -> Sentence:
    bind = " ".join(filter(None, (_text(event.now, "BindType"), _text(event.now, "BindName"))))
    selector = _text(event.now, "Selector")
    around = [plain(f"binds {bind}" if bind else ""), dim(f"where {selector}" if selector else "")]
    return sentence(named(_text(event.now, "AuthMethod"), event.key), _changed(event, *around))


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
