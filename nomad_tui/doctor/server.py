"""The server: whether it is Nomad, release, region, leader, and whether it publishes events."""

from collections.abc import AsyncGenerator
from typing import Any, Final

from nomad_tui.core.readable import enumerated
from nomad_tui.core.text import printable
from nomad_tui.doctor.findings import Begun, Finding, Item, Verdict
from nomad_tui.doctor.subject import ERRORS, Subject, failed, found
from nomad_tui.nomad import diagnose, questions
from nomad_tui.nomad.cases import Kind, by_inquiry
from nomad_tui.nomad.release_discovery import Evidence, ServerReleases, discover
from nomad_tui.nomad.releases import SERVER_BUGS
from nomad_tui.stream.topic_selection import UNKNOWN_TOPICS, allowed_trouble, asked_topics, left_out_trouble

MAX_LISTED: Final = 3
"""Servers whose releases are listed before the rest is only counted."""
REGION_DOWN: Final = "No server of the region is reachable."
NO_LEADER: Final = "The cluster has no leader, so it neither writes nor answers."


async def nomad(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("nomad", "listing regions")
    try:
        answer = await subject.open_client.ask("/v1/regions")
    except ERRORS as error:
        subject.blocked = "This is not the address of a Nomad server."
        yield await failed("nomad", error, subject.connection)
        return
    subject.clock.add(answer)
    regions = answer.value
    if not (isinstance(regions, list) and all(isinstance(region, str) for region in regions)):
        subject.blocked = "This is not the address of a Nomad server."
        yield found("nomad", diagnose.unexpected_answer(200, b"", {}, subject.connection).trouble)
        return
    subject.regions = tuple(printable(region, 100) for region in regions)
    yield Finding(
        "nomad",
        Verdict.OK,
        f"A Nomad server answered in {answer.seconds * 1000:,.0f} ms.",
        measured={"seconds": round(answer.seconds, 6)},
    )


async def release(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("release", "reading the servers' releases")
    connection = subject.connection
    server = subject.server = await subject.open_client.server()
    try:
        releases = subject.releases = await discover(subject.open_client, server)
    except ERRORS as error:
        yield await failed("release", error, connection)
        return
    bugs = [bug for bug in SERVER_BUGS if releases.affected(bug)]
    harmful = tuple(sorted(releases.harmful_topics & asked_topics(subject.subscription)))
    builds = list(dict.fromkeys(build for _, build in releases.builds))
    measured: dict[str, Any] = {
        "version": builds[0] if builds else None,
        "server": printable(server.name or "", 200) if server is not None else "",
        "servers": dict(releases.builds),
        "evidence": str(releases.evidence),
        "bugs": [bug.name for bug in bugs],
        "left_out": [] if connection.allow_harmful_topics else list(harmful),
    }
    sentences, remedy = [_describe_releases(subject, releases)], ""
    lacking = [name for name in sorted(subject.subscription.released_topics or ()) if releases.lack(name)]
    if lacking:
        sentences.append(f"It publishes no {enumerated(lacking, 'or')} events.")
        remedy = "Name other topics (--topic), or upgrade the servers."
    if harmful:
        trouble = (allowed_trouble if connection.allow_harmful_topics else left_out_trouble)(harmful, releases)
        sentences.append(trouble.summary)
        remedy = f"{trouble.remedy}."
        if not connection.allow_harmful_topics:
            left = subject.subscription.without(frozenset(harmful))
            if left is None:
                subject.blocked = f"No readable topic is left without {', '.join(harmful)}."
            elif subject.subscription.released_topics is None:
                sentences.append(UNKNOWN_TOPICS)
            subject.subscription = left or subject.subscription
    sentences += [bug.sentence for bug in bugs if bug.is_harmful and not bug.topics]
    if builds and builds[0].startswith("1.0.0-beta"):
        sentences.append("It uses the topic names of the 1.0 betas; they are translated.")
    is_noteworthy = harmful or lacking or any(bug.is_harmful for bug in bugs) or releases.evidence is Evidence.NONE
    verdict = Verdict.NOTE if is_noteworthy else Verdict.OK
    yield Finding("release", verdict, " ".join(sentences), remedy, measured=measured)


def _describe_releases(subject: Subject, releases: ServerReleases) -> str:
    server = subject.server
    match releases.evidence:
        case Evidence.NONE:
            return "The release is unknown: the token lacks node:read and agent:read. The stream does not need them."
        case Evidence.REFUSAL:
            return "The server is Nomad 1.8.20, 1.10.8, 1.11.2 or later, judging by how it refuses."
    named = [f"Nomad {build}{f' on {name}' if name else ''}" for name, build in releases.builds[:MAX_LISTED]]
    if len({build for _, build in releases.builds}) == 1:
        named = [named[0] if len(releases.builds) == 1 else f"Nomad {releases.builds[0][1]} on all servers"]
    elif len(releases.builds) > MAX_LISTED:
        named.append(f"{len(releases.builds) - MAX_LISTED} more servers")
    by_client = server is not None and not server.is_server
    return f"{', '.join(named)}{', through a client agent' if by_client else ''}."


async def region(subject: Subject) -> AsyncGenerator[Item, None]:
    wanted, known = subject.connection.region, subject.regions
    own = subject.server.region if subject.server is not None else None
    measured = {"asked": wanted, "own": own, "regions": list(known)}
    if wanted is not None and printable(wanted, 100) not in known:
        if subject.releases.evidence is Evidence.MEMBERS:  # Serf still lists servers of it, all of them failed
            subject.blocked = REGION_DOWN
            yield found("region", diagnose.fill(by_inquiry.REGION_DOWN, subject.connection, quote=""), **measured)
            return
        subject.blocked = f"The server does not know region {printable(wanted, 100)}."
        yield Finding(
            "region",
            Verdict.REFUSED,
            f"The server does not know region {printable(wanted, 100)}, only {_listed(known)}.",
            f"Run `export NOMAD_REGION={known[0] if known else 'REGION'}`, or unset it.",
            measured=measured,
        )
        return
    watched = printable(wanted or own or (known[0] if len(known) == 1 else "the server's own"), 100)
    others = [each for each in known if each != watched]
    among = f"; there {'is' if len(others) == 1 else 'are'} also {_listed(tuple(others))}" if others else ""
    yield Finding("region", Verdict.OK, f"Watching region {watched}{among}.", measured=measured)


async def leader(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("leader", "looking for the leader")
    try:
        address = printable(await questions.leader(subject.open_client), 100)
    except ERRORS as error:
        finding = await failed("leader", error, subject.connection)
        if finding.measured["kind"] == Kind.NO_LEADER:
            subject.blocked = NO_LEADER
        elif finding.measured["kind"] == Kind.REGION_DOWN:
            subject.blocked = REGION_DOWN
        elif finding.measured["kind"] == Kind.REGION_UNKNOWN:
            # The server knew the region a moment ago: its last server has failed since.
            finding = found("leader", diagnose.fill(by_inquiry.REGION_DOWN, subject.connection, quote=""))
            subject.blocked = REGION_DOWN
        yield finding
        return
    if address:
        yield Finding("leader", Verdict.OK, f"The leader is {address}.", measured={"leader": address})
        return
    subject.blocked = NO_LEADER
    yield found("leader", diagnose.fill(by_inquiry.NO_LEADER, subject.connection, quote=""), leader=None)


async def publishing(subject: Subject) -> AsyncGenerator[Item, None]:
    server = subject.server
    if server is None:
        yield Finding("publishing", Verdict.SKIPPED, "Unknown: the token lacks agent:read.")
        return
    measured = {"enabled": server.publishes, "event_buffer_size_frames": server.buffer_size}
    if server.publishes is False:
        yield found(
            "publishing", diagnose.fill(by_inquiry.PUBLISHING_DISABLED, subject.connection, quote=""), **measured
        )
    elif server.publishes is None:
        yield Finding(
            "publishing",
            Verdict.NOTE,
            "Unknown: it is a client agent or an old release.",
            measured=measured,
        )
    else:
        size = server.buffer_size
        held = f" and holds the newest {size:,} frames (event_buffer_size)" if size is not None else ""
        yield Finding("publishing", Verdict.OK, f"It publishes events{held}.", measured=measured)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") or "none"
