"""What a row of changes says: its title, its values, and the event in it. Secrets are masked."""

from collections.abc import Collection
from typing import Final, NamedTuple

from nomad_tui.core.changes.model import Change, Place, TextLine, item_name
from nomad_tui.core.changes.rows import COLLECTIONS, Chain, Item, Member, changes_lines, is_collection, is_long
from nomad_tui.core.payload.parsing import Members, RawText, Value
from nomad_tui.core.secrets import can_hide, masked, masked_text
from nomad_tui.core.text import ELLIPSIS

LONGEST_SHOWN: Final = 4096
"""Characters of a text that are examined to show its beginning."""


class Title(NamedTuple):
    way: str
    """Path joined before the name: `Config.`"""
    word: str
    """The kind of object: `Task Group`; empty if there is none."""
    name: str


def title(chain: Chain, item: Item, topic: str, payload_keys: Collection[str]) -> Title:
    """The title of a row; untrusted, and masked.

    The event's object, which is under one of `payload_keys`, is labelled with its topic.
    """
    if isinstance(item, TextLine):
        return Title("", "", "")
    if isinstance(item, Member):
        name = item.key if item.key is not None else (None if item.is_secret else item_name(item.value))
        return Title("", "", masked_text(name) if name is not None else f"[{item.step}]" if _is_object(item) else "")
    parent = item.parent if isinstance(item, Place) else item.place
    way = "".join(f"{place.label}." for place in chain if not is_collection(place)).replace(".[", "[")
    if parent is None:
        return Title("", "", "payload")
    label = item.label
    if is_collection(parent):
        word = COLLECTIONS[str(parent.key)]
        name = label if label.startswith("[") else f'"{label}"'
        return Title(way, word, name if word else label)
    if parent.parent is None and isinstance(item, Place):
        name = None if item.is_secret else item_name(item.after, ("Path",))  # a variable has no other name
        word = topic if label in payload_keys else label
        return Title("", word, f'"{masked_text(name)}"') if name else Title("", "", word)
    if item.key is None and isinstance(item, Change) and not (_is_object(item) or _is_object(item, before=True)):
        return Title("", "", way.removesuffix("."))
    return Title(way.removesuffix(".") if label.startswith("[") else way, "", label)


class ListedEvent(NamedTuple):
    """An event of a task or a node; untrusted."""

    type_: str
    message: str
    time_key: str
    time: Value


def event_of(item: Item) -> ListedEvent | None:
    """The event in an added or removed list item; None for any other row."""
    if isinstance(item, Place | TextLine) or item.key is not None or item.is_secret:
        return None
    value = item.value if isinstance(item, Member) else item.before if item.after is None else item.after
    if not isinstance(value, dict):
        return None
    for type_key, message_keys, time_key in _EVENTS:
        type_ = value.get(type_key)
        if type(type_) is str and type_ and time_key in value:
            texts = (value.get(key) for key in message_keys)
            message = next((text for text in texts if type(text) is str and text), "")
            return ListedEvent(masked_text(type_), masked_text(message), time_key, value[time_key])
    return None


_EVENTS: Final = (
    ("Type", ("DisplayMessage", "Message"), "Time"),
    ("Subsystem", ("Message",), "Timestamp"),
)
"""Keys of the type, of the message (alternatives), and of the time; for tasks and for nodes."""


def _is_object(item: Change | Member, *, before: bool = False) -> bool:
    if isinstance(item, Member):
        return isinstance(item.value, dict | list | Members)
    return isinstance(item.before if before else item.after, dict | list | Members)


def shown_value(value: Value, is_secret: bool, mask: str) -> Value:
    """A value with secrets masked; containers are returned unchanged because their members are not shown."""
    if isinstance(value, dict | list | Members | RawText):
        return value
    if type(value) is str and not is_secret and len(value) > LONGEST_SHOWN:
        return masked_text(value[:LONGEST_SHOWN], mask)[: LONGEST_SHOWN // 2] + ELLIPSIS
    return masked(value, mask, secret=is_secret)


def hides(item: Item) -> bool:
    """Whether any of a row's own values is masked unless it is revealed."""
    if isinstance(item, Place | TextLine):
        return False
    values = [item.value] if isinstance(item, Member) else [item.before, item.after]
    if item.is_secret:
        return any(can_hide(value) for value in values)
    if isinstance(item, Change) and changes_lines(item):
        return is_long(item) or any(masked_text(str(value)) != value for value in values)
    if any(isinstance(value, RawText) for value in values):
        return True
    starts = [value[:LONGEST_SHOWN] for value in values if type(value) is str]
    return any(masked_text(start) != start for start in starts)
