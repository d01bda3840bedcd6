"""The stream: its first byte, the server's buffer, the heartbeat, and the clocks."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from time import monotonic, time_ns
from typing import Any, Final

from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.subscription import Subscription
from nomad_tui.doctor.findings import Begun, Finding, Item, Verdict
from nomad_tui.doctor.subject import ERRORS, Listening, Subject, failed, found
from nomad_tui.nomad import diagnose, inquiry
from nomad_tui.nomad.releases import NO_FIRST_HEARTBEAT

SHORT_BUFFER: Final = 60
"""Seconds. A full buffer that covers less causes a gap after an interruption of a minute."""
HELD_BACK_SECONDS: Final = 0.01
"""Seconds between two heartbeats that were held back and arrived together."""
CLOCK_TOLERANCE: Final = SECOND
"""ns by which the clocks may differ without a note."""

UNBUFFER_REMEDY: Final = (
    "Turn off response buffering in the proxy (nginx: `proxy_buffering off`), "
    "or set NOMAD_ADDR (--address) to the server itself."
)


async def stream(subject: Subject) -> AsyncGenerator[Item, None]:
    if subject.server is not None and subject.server.publishes is False:
        yield Finding("stream", Verdict.SKIPPED, "The server publishes no events.")
        return
    chosen = _readable_subscription(subject)
    if chosen is None:
        yield Finding("stream", Verdict.SKIPPED, "The token may read none of these topics.")
        return
    subscription, namespace, is_complete = chosen
    yield Begun("stream", "opening the stream")
    parameters = [("index", "0"), *subscription.parameters(subject.beta), ("namespace", namespace)]
    if subject.connection.region is not None:
        parameters.append(("region", subject.connection.region))
    opened = monotonic()
    try:
        response = await subject.stack.enter_async_context(subject.open_client.open_stream(parameters))
        listening = Listening(response, opened)
        await listening.hear(opened + subject.patience.first_byte)
    except ERRORS as error:
        yield await failed("stream", error, subject.connection)
        return
    if listening.ended and listening.first_byte is None:
        refusal = diagnose.refusal(subject.connection)
        reasons = await inquiry.why_refused(subject.open_client, subscription, refusal)
        yield found("stream", reasons.trouble)
        return
    subject.listening = listening
    finding = _first_byte(subject, listening, "The stream" if is_complete else "Without the refused topics, the stream")
    if subject.server is None and subject.open_client.mended_status_line:
        mended = diagnose.mended_status_line(subject.connection)
        finding = replace(
            finding,
            verdict=Verdict.NOTE,
            sentence=f"{finding.sentence} {mended.summary}",
            remedy=f"{mended.remedy}.",
        )
    yield finding


def _readable_subscription(subject: Subject) -> tuple[Subscription, str, bool] | None:
    """Subscription, namespace, and whether that is everything requested; None if nothing may be read."""
    watched, permissions = subject.connection.namespace, subject.permissions
    if permissions is None or permissions.everything:
        return subject.subscription, watched, True
    place = max(permissions.namespaces, key=lambda each: (len(permissions.topics_in(each)), each == watched))
    allowed = permissions.topics_in(place)
    subscription = subject.subscription.only(allowed) if allowed else None
    return None if subscription is None else (subscription, place, False)


def _first_byte(subject: Subject, listening: Listening, what: str) -> Finding:
    if listening.first_byte is not None:
        seconds = listening.first_byte - listening.opened
        return Finding(
            "stream",
            Verdict.OK,
            f"{what} opens; first byte after {seconds * 1000:,.0f} ms.",
            measured={"first_byte_seconds": round(seconds, 6)},
        )
    waited = listening.last_byte - listening.opened or subject.patience.first_byte
    measured = {"first_byte_seconds": None, "waited_seconds": round(waited, 3)}
    if not subject.releases.may_have(NO_FIRST_HEARTBEAT):
        return Finding(
            "stream",
            Verdict.BROKEN,
            f"{what} is open, but nothing arrived within {waited:.0f} s. This release sends a first "
            "line immediately, so a proxy buffers it.",
            UNBUFFER_REMEDY,
            measured=measured,
        )
    return Finding(
        "stream",
        Verdict.NOTE,
        f"{what} is open, but nothing arrived within {waited:.0f} s. Nomad 1.0.0 to 1.0.6 and 1.1.0 are silent "
        "for 30 s; so is a proxy that buffers.",
        "See the check `heartbeat` below.",
        measured=measured,
    )


async def buffer(subject: Subject) -> AsyncGenerator[Item, None]:
    listening = subject.listening
    if listening is None:
        yield Finding("buffer", Verdict.SKIPPED, "There is no stream.")
        return
    yield Begun("buffer", "reading the server's buffer")
    newest = subject.server.newest_index if subject.server is not None else None
    begun = monotonic()
    deadline = begun + subject.patience.buffer
    try:
        while newest is None or (listening.newest_index or 0) < newest:
            quiet_at = max(begun, listening.last_frame) + subject.patience.quiet
            await listening.hear(min(deadline, quiet_at))
            if listening.ended or monotonic() >= min(deadline, quiet_at):
                break
    except ERRORS as error:
        yield await failed("buffer", error, subject.connection)
        return
    yield _buffer_finding(subject, listening)


def _buffer_finding(subject: Subject, listening: Listening) -> Finding:
    size = subject.server.buffer_size if subject.server is not None else None
    now = subject.clock.now()
    oldest, newest = listening.oldest_moment, listening.newest_moment
    subject.newest_moment = newest
    measured: dict[str, Any] = {
        "oldest_index": listening.oldest_index,
        "newest_index": listening.newest_index,
        "frames": listening.frames,
        "events": listening.events,
        "event_buffer_size_frames": size,
        "oldest_seconds_ago": None if oldest is None else round((now - oldest) / SECOND, 3),
        "newest_seconds_ago": None if newest is None else round((now - newest) / SECOND, 3),
        "unreadable_lines": listening.unreadable,
    }
    if listening.oldest_index is None:
        return Finding(
            "buffer",
            Verdict.NOTE,
            "The server's buffer has no event of these topics.",
            measured=measured,
        )
    held = (
        f"Holds {listening.events:,} events in {listening.frames:,} frames, "
        f"index {listening.oldest_index:,} to {listening.newest_index:,}"
    )
    if oldest is None:
        return Finding("buffer", Verdict.OK, f"{held}, none with a time.", measured=measured)
    back = max(0, now - oldest)
    sentence = f"{held}: the last {duration(back // SECOND * SECOND)}."
    full = size is not None and listening.frames >= size
    if full and back < SHORT_BUFFER * SECOND:
        return Finding(
            "buffer",
            Verdict.NOTE,
            f"{sentence} After a longer interruption, events are lost.",
            "Raise `event_buffer_size` in the server block of Nomad's configuration.",
            measured=measured,
        )
    return Finding("buffer", Verdict.OK, sentence, measured=measured)


async def heartbeat(subject: Subject) -> AsyncGenerator[Item, None]:
    listening, patience = subject.listening, subject.patience.heartbeat
    if listening is None:
        yield Finding("heartbeat", Verdict.SKIPPED, "There is no stream.")
        return
    if patience is None:
        yield Finding("heartbeat", Verdict.SKIPPED, "Skipped (--no-wait).")
        return
    yield Begun("heartbeat", f"waiting for two heartbeats, 30 s apart; up to {patience:.0f} s")
    try:
        while len(listening.heartbeats) < 2 and await listening.hear(listening.opened + patience):
            pass
    except ERRORS as error:
        yield await failed("heartbeat", error, subject.connection)
        return
    subject.newest_moment = listening.newest_moment
    if listening.ended:
        lasted = listening.last_byte - listening.opened
        yield found("heartbeat", diagnose.ended(listening.last_text), lasted_seconds=round(lasted, 3))
        return
    yield _heartbeat_finding(listening, patience)


def _heartbeat_finding(listening: Listening, patience: float) -> Finding:
    beats = listening.heartbeats
    measured: dict[str, Any] = {"seconds": None, "heartbeats": len(beats), "waited_seconds": patience}
    if len(beats) >= 2:
        seconds = beats[1] - beats[0]
        measured |= {"seconds": round(seconds, 3), "waited_seconds": round(beats[1] - listening.opened, 3)}
        if seconds < HELD_BACK_SECONDS:
            return Finding(
                "heartbeat",
                Verdict.BROKEN,
                "Two heartbeats arrived together. Servers send them 30 s apart, so a proxy buffers the stream.",
                UNBUFFER_REMEDY,
                measured=measured,
            )
        return Finding("heartbeat", Verdict.OK, f"One every {seconds:.3g} s.", measured=measured)
    if listening.first_byte is None:
        return Finding(
            "heartbeat",
            Verdict.BROKEN,
            f"No byte arrived in {patience:.0f} s. Servers send a heartbeat every 30 s, so a proxy buffers the stream.",
            UNBUFFER_REMEDY,
            measured=measured,
        )
    return Finding(
        "heartbeat",
        Verdict.NOTE,
        f"{'One heartbeat' if beats else 'No heartbeat'} in {patience:.0f} s, too few to judge. Servers send one "
        "every 30 s; 1.0.0 to 1.0.6 and 1.1.0 wait 30 s for the first.",
        measured=measured,
    )


async def clock(subject: Subject) -> AsyncGenerator[Item, None]:
    with suppress(*ERRORS):
        subject.clock.add(await subject.open_client.ask("/v1/regions"))
    least, most = subject.clock.least, subject.clock.most
    if least is None or most is None:
        yield Finding("clock", Verdict.SKIPPED, "The server sends no Date header.")
        return
    least, most = min(least, most), max(least, most)
    newest = subject.newest_moment
    ahead = newest - time_ns() if newest is not None else None
    measured = {
        "ahead_at_least_seconds": round(least / SECOND, 3),
        "ahead_at_most_seconds": round(most / SECOND, 3),
        "newest_event_ahead_seconds": None if ahead is None else round(ahead / SECOND, 3),
    }
    remedy = "Run `timedatectl set-ntp true` on both: ages are off by this much."
    if least > CLOCK_TOLERANCE or most < -CLOCK_TOLERANCE:
        by, where = (least, "ahead of") if least > 0 else (-most, "behind")
        sentence = f"The server's clock is at least {duration(by)} {where} this machine's."
        yield Finding("clock", Verdict.NOTE, sentence, remedy, measured=measured)
    elif ahead is not None and ahead > max(0, most) + CLOCK_TOLERANCE:
        sentence = f"An event's time is {duration(ahead)} from now, although this server's clock is right."
        remedy = "Run `timedatectl set-ntp true` on all servers and clients."
        yield Finding("clock", Verdict.NOTE, sentence, remedy, measured=measured)
    else:
        yield Finding(
            "clock", Verdict.OK, "The clocks of the server and this machine agree within 1 s.", measured=measured
        )
