"""Regular expressions that are compiled when they are first used: compiling all of them took a tenth of the start."""

import re
from typing import Any, AnyStr, cast


class _Lazy:
    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags
        self._compiled: Any = None

    def __getattr__(self, name: str) -> Any:
        """A method or attribute of the compiled pattern, kept here so that later calls find it at once."""
        if self._compiled is None:
            self._compiled = re.compile(self._source, self._flags)
        found = getattr(self._compiled, name)
        setattr(self, name, found)
        return found


def lazy_pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, but a mistake in `source` shows only when the pattern is used."""
    return cast("re.Pattern[AnyStr]", _Lazy(source, flags))
