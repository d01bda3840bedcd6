"""Sends a stream its frames: a run through the whole recording, or what is published from now on."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Final

from nomad_tui.standin.buffer import BATCH_BYTES, Buffer
from nomad_tui.standin.recording import SLICE_SECONDS, Recording
from nomad_tui.standin.stream import Stream

_NEXT_EVAL: Final = re.compile(rb'"NextEval":"[^"]*"')


async def send_recording(stream: Stream, recording: Recording, pace: float | None, repeat: int | None) -> None:
    """Send the whole recording, from the index asked for; `pace` is in frames a second."""
    clock = asyncio.get_running_loop().time
    started = clock()
    select = stream.subscription.select
    lines: list[bytes] = []
    size = 0
    send_at = started + SLICE_SECONDS
    start = recording.start(stream.query.index, repeat)
    for number, (pass_number, position) in enumerate(recording.places(repeat, start)):
        if pace is not None:
            await _beat_until(stream, started + number / pace)
        sent = select(recording.frames[position], recording.sent(position, pass_number))
        if sent is not None:
            lines.append(sent)
            size += len(sent)
        if size >= BATCH_BYTES or pace is not None or clock() >= send_at:
            await stream.send(lines)
            await stream.beat()
            lines.clear()
            size = 0
            send_at = clock() + SLICE_SECONDS
    await stream.send(lines)


async def _beat_until(stream: Stream, due: float) -> None:
    clock = asyncio.get_running_loop().time
    while stream.beats_at < due:
        await asyncio.sleep(max(0.0, stream.beats_at - clock()))
        await stream.beat()
    await asyncio.sleep(max(0.0, due - clock()))


async def follow(stream: Stream, buffer: Buffer, *, next_eval_differs: int, changed: Callable[[], None]) -> None:
    """Send what is published, for as long as the reader keeps up with the buffer; `changed` is called at each step."""
    select = stream.subscription.select
    while True:
        frames = buffer.after(stream.position)
        if frames:
            stream.position += len(frames)
            changed()
            chosen = (
                _varied(stream, frame.index, select(frame, frame.sent), every=next_eval_differs) for frame in frames
            )
            await stream.send([sent for sent in chosen if sent is not None])
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(stream.beats_at):
                    await buffer.grown()
        await stream.beat()


def _varied(stream: Stream, index: int | None, sent: bytes | None, *, every: int) -> bytes | None:
    if not every or sent is None or index is None or index % every:
        return sent
    return _NEXT_EVAL.sub(b'"NextEval":"%08x-0000-4000-8000-000000000000"' % stream.number, sent)
