"""The server itself: is it Nomad, which release, which region, has it a leader, does it publish events."""

import re
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from nomad_tui.core.text import printable
from nomad_tui.doctor.findings import Begun, Finding, Item, Verdict
from nomad_tui.doctor.subject import ERRORS, Subject, failed, found
from nomad_tui.nomad import diagnose, questions
from nomad_tui.nomad.cases import Kind, asked
from nomad_tui.nomad.client import UnexpectedAnswerError

AGENT_READ: Final = 'agent {\n  policy = "read"\n}'
QUIETLY_REFUSING: Final = ((1, 11, 2), (1, 10, 8), (1, 8, 20))
"""The first releases that answer a stream before they look at the token, newest line first; later lines all do."""


NO_LEADER: Final = "The cluster has no leader, so it neither writes nor tells anything."


async def nomad(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("nomad", "asking for the regions that it knows")
    try:
        answer = await subject.open_client.ask("/v1/regions")
    except ERRORS as error:
        subject.blocked = "What answers there is not a Nomad server that can be asked."
        yield await failed("nomad", error, subject.connection)
        return
    subject.clock.told(answer)
    regions = answer.value
    if not (isinstance(regions, list) and all(isinstance(region, str) for region in regions)):
        subject.blocked = "What answers there is not a Nomad server that can be asked."
        yield await failed("nomad", UnexpectedAnswerError(200, b"", {}), subject.connection)
        return
    subject.regions = tuple(printable(region, 100) for region in regions)
    yield Finding(
        "nomad",
        Verdict.OK,
        f"A Nomad server answers, after {answer.seconds * 1000:,.0f} ms.",
        measured={"seconds": round(answer.seconds, 6)},
    )


async def release(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("release", "asking which release it is")
    server = subject.server = await subject.open_client.server()
    version = printable(server.version, 60) if server is not None and server.version else ""
    if not version:
        yield Finding(
            "release",
            Verdict.NOTE,
            "Which release it is cannot be seen without agent:read, which the stream does not need.",
            measured={"version": None, "capability": "agent:read"},
        )
        return
    name = f" on {printable(server.name, 80)}" if server is not None and server.name else ""
    quirks = list(_quirks(version))
    yield Finding(
        "release",
        Verdict.NOTE if quirks else Verdict.OK,
        " ".join([f"Nomad {version}{name}.", *quirks]),
        measured={"version": version, "server": printable(server.name or "", 200) if server is not None else ""},
    )


def _quirks(version: str) -> Iterator[str]:
    """What is to be known of a release: `1.11.1`, `2.0.6-dev`."""
    parts = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if parts is None:
        return
    number = (int(parts[1]), int(parts[2]), int(parts[3]))
    if version.startswith("1.0.0-beta"):
        yield "It speaks the dialect of the 1.0 betas: topics are asked for by their names there."
    if number in QUIETLY_REFUSING:
        yield "Its event stream has the invalid status line HTTP/0.0 (nomad#27582), and is read all the same."
    if not refuses_quietly(number):
        yield "It may keep silent until the first event or heartbeat, up to 30 s."


def refuses_quietly(number: tuple[int, int, int]) -> bool:
    """Whether this release answers with 200 and refuses by ending the stream, rather than with a status."""
    if number >= QUIETLY_REFUSING[0]:
        return True
    return any(number[:2] == first[:2] and number >= first for first in QUIETLY_REFUSING[1:])


async def region(subject: Subject) -> AsyncGenerator[Item, None]:
    wanted, known = subject.connection.region, subject.regions
    own = subject.server.region if subject.server is not None else None
    measured = {"asked": wanted, "own": own, "regions": list(known)}
    if wanted is not None and printable(wanted, 100) not in known:
        subject.blocked = f"The server does not know the region {printable(wanted, 100)}."
        yield Finding(
            "region",
            Verdict.REFUSED,
            f"The server does not know the region {printable(wanted, 100)}, but {_listed(known)}.",
            f"Set NOMAD_REGION (--region) to {' or '.join(known[:5]) or 'one of them'}, or unset it.",
            measured=measured,
        )
        return
    watched = printable(wanted or own or (known[0] if len(known) == 1 else "the server's own"), 100)
    others = [each for each in known if each != watched]
    among = f"; there {'is' if len(others) == 1 else 'are'} also {_listed(tuple(others))}" if others else ""
    yield Finding("region", Verdict.OK, f"The region watched is {watched}{among}.", measured=measured)


async def leader(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("leader", "asking for the leader")
    try:
        address = printable(await questions.leader(subject.open_client), 100)
    except ERRORS as error:
        finding = await failed("leader", error, subject.connection)
        if finding.measured["kind"] == Kind.NO_LEADER:
            subject.blocked = NO_LEADER
        elif finding.measured["kind"] == Kind.REGION_DOWN:
            subject.blocked = "No server of the region can be reached."
        yield finding
        return
    if address:
        yield Finding("leader", Verdict.OK, f"The leader is {address}.", measured={"leader": address})
        return
    subject.blocked = NO_LEADER
    yield found("leader", diagnose.fill(asked.NO_LEADER, subject.connection, said=""), leader=None)


async def publishing(subject: Subject) -> AsyncGenerator[Item, None]:
    server = subject.server
    if server is None:
        yield Finding("publishing", Verdict.SKIPPED, "Whether it publishes events cannot be seen without agent:read.")
        return
    measured = {"enabled": server.publishes, "event_buffer_size_frames": server.buffer_size}
    if server.publishes is False:
        yield found("publishing", diagnose.fill(asked.PUBLISHING_DISABLED, subject.connection, said=""), **measured)
    elif server.publishes is None:
        yield Finding(
            "publishing",
            Verdict.NOTE,
            "It does not say whether it publishes events: it is a client agent, which asks a server, or an old one.",
            measured=measured,
        )
    else:
        size = server.buffer_size
        held = f", and holds the newest {size:,} frames (event_buffer_size)" if size is not None else ""
        yield Finding("publishing", Verdict.OK, f"It publishes events{held}.", measured=measured)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") or "none"
