"""Regular expressions compiled on first use: compiling all of them took a tenth of the start-up time."""

import re
from typing import Any, AnyStr, cast


class _Lazy:
    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags
        self._compiled: Any = None

    def __getattr__(self, name: str) -> Any:
        """A method or attribute of the compiled pattern, cached on the instance."""
        if self._compiled is None:
            self._compiled = re.compile(self._source, self._flags)
        found = getattr(self._compiled, name)
        setattr(self, name, found)
        return found


def lazy_pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Like `re.compile`, but an error in `source` is raised on first use."""
    return cast("re.Pattern[AnyStr]", _Lazy(source, flags))
