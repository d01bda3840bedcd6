"""Every sink in the manual can be registered literally, and its templates produce what the receiver accepts."""

import re
import tomllib
from collections.abc import Iterator

import orjson
import pytest

from nomad_tui.manual import pages
from nomad_tui.sinks.definition.definition import Format
from nomad_tui.sinks.definition.reading import read_definition
from nomad_tui.sinks.delivery.sink import Delivery
from nomad_tui.sinks.types.preview import preview, samples, template_mistakes

BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def definitions() -> Iterator[tuple[str, str]]:
    for page in pages():
        if page.topic.startswith("sink-"):
            for block in BLOCK.findall(page.text):
                if "type" in (table := tomllib.loads(block)):
                    yield f"{page.topic}: {table['id']}", block


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in definitions()])
def test_a_sink_in_the_manual_can_be_registered(block: str) -> None:
    read = read_definition(block, "the manual", None)
    if read.format is Format.TEMPLATE:
        assert template_mistakes(read) == []


MAX_LENGTHS = {"mattermost": ("text", 16_383), "telegram": ("text", 4_096), "ntfy": ("message", 4_096)}
"""Maximum characters of a message, from https://docs.mattermost.com/developer/webhooks-incoming.html,
https://core.telegram.org/bots/api#sendmessage and https://docs.ntfy.sh/publish/#limitations (bytes)."""


@pytest.mark.parametrize("name", MAX_LENGTHS)
def test_a_recipe_produces_what_the_chat_accepts(name: str) -> None:
    read = read_definition(dict(definitions())[f"sink-templates: {name}"], "the manual", None)
    for item in samples(read):
        (body,) = preview(read, Delivery(item.id, (item,), "global"))
        message = orjson.loads(body.content)
        member, most = MAX_LENGTHS[name]
        assert 0 < len(message[member]) <= most
