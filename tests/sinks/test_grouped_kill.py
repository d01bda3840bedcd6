"""A runner that is killed while it groups, renders or runs commands accounts for every event."""

import asyncio
import random
import re
from pathlib import Path

import orjson

from nomad_tui.standin import Options, StandIn
from tests.chats import chat, text_of
from tests.forked_runners import starter
from tests.receiver import Answer, Request, receiver
from tests.runner import define
from tests.sinks.test_chats import storm

EVENTS = 400
KILLS = 6
LISTED = "{% for each in events %}{{ each.object.key }};{% endfor %}{{ count }}"


def events_of(taken: Path) -> list[str]:
    """The keys of the events that commands received, from complete lines only."""
    text = taken.read_bytes() if taken.exists() else b""
    return [orjson.loads(line)["Key"] for line in text.split(b"\n")[:-1]]


async def test_every_event_is_accounted_for(tmp_path: Path) -> None:
    chance = random.Random()
    lines = storm(EVENTS, 60)
    options = Options(lead=50, pace=400, buffer_size=EVENTS)
    async with (
        asyncio.timeout(60),
        chat("slack") as slack,
        receiver() as hook,
        StandIn(lines, options) as server,
        starter(tmp_path / "log") as processes,
    ):
        define(
            tmp_path,
            "chat",
            f'type = "slack"\naddress = "{slack.url}"\ngroup_by = "job"\nwindow = "300ms"\n'
            f'text = "{LISTED}"\n[retry]\nmin_backoff = 0.01\n',
        )
        define(
            tmp_path,
            "web",
            f'type = "webhook"\naddress = "{hook.url}"\nformat = "template"\ncontent_type = "text/plain"\n'
            'template = "{{ object.key }};"\n[retry]\nmin_backoff = 0.01\n',
        )
        taken = tmp_path / "taken"
        define(
            tmp_path,
            "command",
            f'type = "exec"\ncommand = ["/bin/sh", "-c", "cat >> {taken}"]\nformat = "event"\n'
            "[batch]\nmax_events = 7\nmax_wait = 0.02\n[retry]\nmin_backoff = 0.01\n",
        )
        journal = str(tmp_path / "kill.journal")
        arguments = ("sink", "run", "--address", server.address, "--config", str(tmp_path), "--journal", journal)
        for _ in range(KILLS):
            pid = await processes.start(*arguments)
            await asyncio.sleep(chance.uniform(0.2, 0.8))
            await processes.end(pid)
        pid = await processes.start(*arguments)
        wanted = {f"a{number}" for number in range(EVENTS)}

        def keys(texts: list[str]) -> list[str]:
            return [key for text in texts for key in re.findall(r"\ba\d+(?=;)", text)]

        while not wanted <= set(keys([request.body.decode() for request in hook.requests])):
            await hook.received(len(hook.requests) + 1)
        while not wanted <= set(keys([text_of(request) for request in slack.requests])):
            await slack.received(len(slack.requests) + 1)
        while not wanted <= set(events_of(taken)):  # noqa: ASYNC110  # written by commands
            await asyncio.sleep(0.02)
        await processes.end(pid)
    assert list(dict.fromkeys(events_of(taken))) == [f"a{number}" for number in range(EVENTS)], "each in order"
    first_of_each = list(dict.fromkeys(keys([request.body.decode() for request in hook.requests])))
    assert first_of_each == [f"a{number}" for number in range(EVENTS)], "each in order"


async def test_a_summary_that_grows_accounts_for_every_event(tmp_path: Path) -> None:
    """Killed while the receiver is down and the summary of expired events grows, and right after it was accepted."""
    chance = random.Random()
    events = 200
    is_up = False
    covered: list[range] = []
    restarted_at = 0

    def decide(request: Request) -> Answer:
        if not is_up:
            return Answer(503)
        count, first = re.findall(r"\d+", text_of(request))[:2]
        covered.append(range(int(first), int(first) + int(count)))
        return Answer(200, body=b"ok")

    options = Options(lead=20, pace=100, buffer_size=events)
    async with (
        asyncio.timeout(60),
        chat("slack") as slack,
        StandIn(storm(events), options) as server,
        starter(tmp_path / "log") as processes,
    ):
        slack.decide = decide
        define(
            tmp_path,
            "chat",
            f'type = "slack"\naddress = "{slack.url}"\nbegin = "oldest"\nmax_age = "1s"\n'
            'text = "{{ count }} {{ events[0].object.key }}"\n'
            "[batch]\nmax_wait = 0.02\n[retry]\nmin_backoff = 0.02\nmax_backoff = 0.1\n",
        )
        journal = str(tmp_path / "kill.journal")
        arguments = ("sink", "run", "--address", server.address, "--config", str(tmp_path), "--journal", journal)
        for _ in range(3):
            pid = await processes.start(*arguments)
            await slack.received(len(slack.requests) + 2)
            await asyncio.sleep(chance.uniform(0, 0.4))
            await processes.end(pid)
        await asyncio.sleep(1.5)  # until the journal's events are older than `max_age`
        is_up = True
        pid = await processes.start(*arguments)
        await slack.received(len(slack.requests) + 1)
        await processes.end(pid)
        restarted_at = len(covered)
        pid = await processes.start(*arguments)
        while set(range(events)) > {number for each in covered for number in each}:
            await slack.received(len(slack.requests) + 1)
        await processes.end(pid)
    assert max(map(len, covered)) > 1, "some came as a summary"
    for part in (covered[:restarted_at], covered[restarted_at:]):  # the events acknowledged last may be repeated
        beginnings = [each.start for each in part]
        assert beginnings == sorted(beginnings), "in order"
