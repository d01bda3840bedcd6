"""Tolerant decoding of the few payload fields that a sentence needs.

Decoding into a `Struct` skips all other fields without building them, which makes a sentence affordable for each event
of a history. A payload that does not fit the struct is decoded field by field, and fields that do not fit keep their
defaults: one odd value never hides the rest.
"""

import types
from collections.abc import Iterable, Sequence
from typing import Any, Final, Generic, TypeVar, Union, cast, get_args, get_origin

import msgspec

_UPPER: Final = {"csi", "id", "ids", "tg"}
"""Parts of a name that are in capitals in Nomad's JSON."""

_UNUSABLE: Final = object()

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

READ_ERRORS: Final = (ValueError, RecursionError)
"""Errors of decoding: msgspec's own and broken UTF-8 are `ValueError`, deep nesting is not."""


def _nomad_name(name: str) -> str:
    return "".join(
        "IDs" if part == "ids" else part.upper() if part in _UPPER else part.capitalize() for part in name.split("_")
    )


class Object(msgspec.Struct, rename=_nomad_name, gc=False):
    """A struct with Nomad's field names: `next_allocation` reads `NextAllocation`, `job_id` reads `JobID`."""


class Written(Object):
    """An object with indexes of its writes."""

    create_index: int = 0
    modify_index: int = 0

    @property
    def is_new(self) -> bool:
        """Whether this write created it: only equal indexes prove that."""
        return self.create_index == self.modify_index > 0


def wire_names(kind: type[Object]) -> dict[str, str]:
    """The fields' names in Nomad's JSON."""
    return {field.name: field.encode_name for field in msgspec.structs.fields(kind)}


EMPTY: Final = msgspec.Raw(b"null")
"""The default of a field that is only decoded on demand."""


class Reader(Generic[T]):
    """Decodes JSON as `kind`: a `Struct`, or a dict or list of them."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, payload: bytes | msgspec.Raw) -> T | None:
        """The parts that fit; None if the JSON is broken or of another type."""
        try:
            return cast(T, self._decode(payload))
        except READ_ERRORS:
            converted = _convert(anything(bytes(payload)), self._kind)
            return None if converted is _UNUSABLE else cast(T, converted)


class ObjectReader(Generic[S]):
    """Decodes the object of an event's `Payload`, under its documented key or its topic's name."""

    def __init__(self, keys: Sequence[str], kind: type[S]) -> None:
        self._has_other = len(keys) > 1
        names = ("object", "other")[: len(keys)]
        fields: list[Any] = [
            (name, kind | None, msgspec.field(default=None, name=key)) for name, key in zip(names, keys, strict=True)
        ]
        fields.append(("deleted", bool, msgspec.field(default=False, name="Deleted")))
        payload = msgspec.defstruct("Payload", fields, gc=False)
        self._decode: Any = msgspec.json.Decoder(payload).decode
        self._fit = Reader[Any](payload).read

    def read(self, payload: bytes) -> tuple[S | None, bool]:
        """The object, or None, and whether the payload says that it was deleted."""
        try:
            read = self._decode(payload)
        except READ_ERRORS:
            read = self._fit(payload)
            if read is None:
                return None, False
        found = read.object
        if found is None and self._has_other:
            found = read.other
        return found, read.deleted


MAX_READ: Final = 4 * 1024 * 1024
"""Limit for the payloads, in bytes, whose objects are cached."""


class ObjectsRead:
    """Caches decoded objects until they are compared with the object's next event, to avoid decoding twice. The oldest
    are dropped first.

    A payload is identified by the `bytes` object, not by its content.
    """

    def __init__(self) -> None:
        self._objects: dict[int, tuple[bytes, Any, bool]] = {}
        self._size = 0

    def read(self, reader: ObjectReader[S], payload: bytes) -> tuple[S | None, bool]:
        """The result of `reader`, cached."""
        kept = self._objects.get(id(payload))
        if kept is not None:
            return kept[1:]
        found, deleted = reader.read(payload)
        if found is not None:
            self._objects[id(payload)] = (payload, found, deleted)
            self._size += len(payload)
            while self._size > MAX_READ:
                self._pop(next(iter(self._objects)))
        return found, deleted

    def read_before(self, reader: ObjectReader[S], payload: bytes) -> tuple[S | None, bool]:
        """The same, removed from the cache."""
        kept = self._pop(id(payload))
        return reader.read(payload) if kept is None else kept[1:]

    def _pop(self, identity: int) -> tuple[bytes, Any, bool] | None:
        kept = self._objects.pop(identity, None)
        if kept is not None:
            self._size -= len(kept[0])
        return kept


def anything(payload: bytes) -> Any:
    """The payload as plain Python values, with broken UTF-8 replaced; None if it is not JSON."""
    try:
        return msgspec.json.decode(payload)
    except READ_ERRORS:  # before msgspec 0.23, broken UTF-8 has an error of its own
        whole = payload.decode("utf-8", "replace").encode()
        return anything(whole) if whole != payload else None


def _struct(value: dict[str, Any], kind: type[S]) -> S:
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            converted = _convert(value[field.encode_name], field.type)
            if converted is not _UNUSABLE:
                found[field.name] = converted
    return kind(**found)


def _convert(value: Any, kind: Any) -> Any:
    """`value` as an instance of the annotation `kind`, or `_UNUSABLE`."""
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        converted = (_convert(value, member) for member in arguments)
        return next((one for one in converted if one is not _UNUSABLE), _UNUSABLE)
    if origin is list and isinstance(value, list):
        items = [_convert(item, arguments[0]) for item in value]
        return [item for item in items if item is not _UNUSABLE]
    if origin is dict and isinstance(value, dict):
        pairs = {key: _convert(item, arguments[1]) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item is not _UNUSABLE}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(value, kind) if isinstance(value, dict) else _UNUSABLE
    try:
        return msgspec.convert(value, kind)
    except READ_ERRORS:
        return _UNUSABLE


def member_names(value: msgspec.Raw) -> Iterable[str]:
    """The keys of an object."""
    return _MEMBERS.read(value) or ()


_MEMBERS: Final = Reader[dict[str, msgspec.Raw]](dict[str, msgspec.Raw] | None)
