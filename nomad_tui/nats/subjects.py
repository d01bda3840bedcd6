"""Subjects of NATS from a template such as `nomad.{region}.{topic}`."""

import re
from typing import Final

from nomad_tui.core.text import printable

LONGEST_TOKEN: Final = 128
"""Characters; a server takes subjects of about 4 KB."""
_PLACEHOLDER: Final = re.compile(r"\{(region|topic|type|namespace|key|index)\}")
_NOT_IN_A_TOKEN: Final = re.compile(r"[\s.*>\x00-\x20\x7f-\x9f\ufffd]")


def subject(template: str, values: dict[str, str]) -> str:
    """Each placeholder as one token that NATS allows."""

    def token(found: re.Match[str]) -> str:
        return printable(_NOT_IN_A_TOKEN.sub("_", values[found[1]])[:LONGEST_TOKEN]) or "_"

    return _PLACEHOLDER.sub(token, template)


def subjects(template: str) -> str:
    """What a stream has to take: `nomad.>` for `nomad.{region}.{topic}`."""
    tokens = template.split(".")
    fixed = next((number for number, token in enumerate(tokens) if "{" in token), len(tokens))
    if fixed == len(tokens):
        return template
    if fixed:
        return ".".join([*tokens[:fixed], ">"])
    return ".".join("*" if "{" in token else token for token in tokens)
