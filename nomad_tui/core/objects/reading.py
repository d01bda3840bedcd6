"""Payloads read for the few fields a sentence needs, whatever a server sends.

Decoding straight into a `Struct` skips every other field without building it, which is what makes a sentence
affordable for each event of a whole history. Where a payload does not fit the struct it is read again field
by field, and what does not fit keeps its default: one odd value never hides the rest.
"""

import types
from collections.abc import Iterable, Sequence
from typing import Any, Final, Generic, TypeVar, Union, cast, get_args, get_origin

import msgspec

_UPPER: Final = {"csi", "id", "ids", "tg"}
"""Parts of a name that Nomad's JSON writes in capitals."""

_NOTHING: Final = object()

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

READ_ERRORS: Final = (ValueError, RecursionError)
"""What reading bytes can raise: msgspec's errors and broken UTF-8 are `ValueError`, deep nesting is not."""


def _nomad_name(name: str) -> str:
    return "".join(
        "IDs" if part == "ids" else part.upper() if part in _UPPER else part.capitalize() for part in name.split("_")
    )


class Object(msgspec.Struct, rename=_nomad_name, gc=False):
    """A struct whose fields are Nomad's: `next_allocation` reads `NextAllocation`, `job_id` reads `JobID`."""


class Written(Object):
    """An object whose writes are numbered."""

    create_index: int = 0
    modify_index: int = 0

    @property
    def is_new(self) -> bool:
        """Whether this write created it: only equal indexes prove that."""
        return self.create_index == self.modify_index > 0


def wire_names(kind: type[Object]) -> dict[str, str]:
    """What Nomad's JSON calls the fields."""
    return {field.name: field.encode_name for field in msgspec.structs.fields(kind)}


EMPTY: Final = msgspec.Raw(b"null")
"""The default of a field that is read only when something depends on it."""


class Reader(Generic[T]):
    """Reads JSON as `kind`, which is a `Struct` or a dict or list of them."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, payload: bytes | msgspec.Raw) -> T | None:
        """What fits; None where the JSON is broken or of another type altogether."""
        try:
            return cast(T, self._decode(payload))
        except READ_ERRORS:
            fitting = _fitting(anything(bytes(payload)), self._kind)
            return None if fitting is _NOTHING else cast(T, fitting)


class ObjectReader(Generic[S]):
    """Reads the object of an event's `Payload`, which is under its documented key or under its topic's name."""

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


MOST_READ: Final = 4 * 1024 * 1024
"""Bytes of the payloads whose objects are kept."""


class ObjectsRead:
    """Objects as they were read, each until it is compared with the object's next event: to read it again takes as
    long as the first time. Those read longest ago are dropped first.

    A payload is known by being the same `bytes`, not by what is in it.
    """

    def __init__(self) -> None:
        self._objects: dict[int, tuple[bytes, Any, bool]] = {}
        self._size = 0

    def read(self, reader: ObjectReader[S], payload: bytes) -> tuple[S | None, bool]:
        """As `reader` reads it."""
        kept = self._objects.get(id(payload))
        if kept is not None:
            return kept[1:]
        found, deleted = reader.read(payload)
        if found is not None:
            self._objects[id(payload)] = (payload, found, deleted)
            self._size += len(payload)
            while self._size > MOST_READ:
                self._take(next(iter(self._objects)))
        return found, deleted

    def read_before(self, reader: ObjectReader[S], payload: bytes) -> tuple[S | None, bool]:
        """The same for the last time."""
        kept = self._take(id(payload))
        return reader.read(payload) if kept is None else kept[1:]

    def _take(self, identity: int) -> tuple[bytes, Any, bool] | None:
        kept = self._objects.pop(identity, None)
        if kept is not None:
            self._size -= len(kept[0])
        return kept


def anything(payload: bytes) -> Any:
    """The payload as plain Python values, broken UTF-8 replaced; None for what is not JSON."""
    try:
        return msgspec.json.decode(payload)
    except READ_ERRORS:  # broken UTF-8 is an error of its own only before msgspec 0.23
        whole = payload.decode("utf-8", "replace").encode()
        return anything(whole) if whole != payload else None


def _struct(value: dict[str, Any], kind: type[S]) -> S:
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            fitting = _fitting(value[field.encode_name], field.type)
            if fitting is not _NOTHING:
                found[field.name] = fitting
    return kind(**found)


def _fitting(value: Any, kind: Any) -> Any:
    """`value` as an instance of the annotation `kind`, or `_NOTHING`."""
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        fitting = (_fitting(value, member) for member in arguments)
        return next((one for one in fitting if one is not _NOTHING), _NOTHING)
    if origin is list and isinstance(value, list):
        items = [_fitting(item, arguments[0]) for item in value]
        return [item for item in items if item is not _NOTHING]
    if origin is dict and isinstance(value, dict):
        pairs = {key: _fitting(item, arguments[1]) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item is not _NOTHING}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(value, kind) if isinstance(value, dict) else _NOTHING
    try:
        return msgspec.convert(value, kind)
    except READ_ERRORS:
        return _NOTHING


def member_names(value: msgspec.Raw) -> Iterable[str]:
    """The keys of an object."""
    return _MEMBERS.read(value) or ()


_MEMBERS: Final = Reader[dict[str, msgspec.Raw]](dict[str, msgspec.Raw] | None)
