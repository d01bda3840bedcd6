"""Discord: a channel's webhook. Response headers tell how many messages are left; errors are JSON."""

from time import monotonic
from typing import Any, Final

from nomad_tui.sinks.delivery.sink import RejectedError, UnavailableError
from nomad_tui.sinks.types.answers import LONGEST_PAUSE, Answer, Settings, judged, quoted
from nomad_tui.sinks.types.chat import Chat, Message, answer_json, cut, escape_markdown

LONGEST_CONTENT: Final = 2_000
LONGEST_TITLE: Final = 256
MAX_EMBEDS: Final = 10
DESCRIPTION: Final = 3_000
"""Characters that leave room for title and fields: all embeds of a message may have 6,000 in total."""


class Discord(Chat):
    def body(self, message: Message, text: str | None, blocks: list[Any] | None) -> dict[str, Any]:
        made: dict[str, Any] = {"allowed_mentions": {"parse": []}}
        if text is not None:
            made["content"] = cut(text, LONGEST_CONTENT)
        if blocks is not None:
            made["embeds"] = blocks[:MAX_EMBEDS]
        elif text is None:
            embed: dict[str, Any] = {
                "title": cut(escape_markdown(message.title), LONGEST_TITLE),
                "description": cut("\n".join(map(escape_markdown, message.lines)), DESCRIPTION),
                "color": message.color,
                "fields": [
                    {"name": name, "value": cut(escape_markdown(value), 300), "inline": name != "Cause"}
                    for name, value in message.facts
                ],
            }
            if message.url:
                embed["url"] = message.url
            made["embeds"] = [embed]
        return made

    def judge(self, answer: Answer, settings: Settings) -> str:
        self._apply_rate_limit(answer)
        reply = answer_json(answer)
        if answer.status == 429:
            after = reply.get("retry_after")
            if isinstance(after, int) and after >= 1_000:
                after /= 1_000  # milliseconds in older API versions, fractional seconds in newer ones
            pause = min(float(after), LONGEST_PAUSE) if isinstance(after, int | float) and after > 0 else None
            if pause is not None:
                self._not_before = max(self._not_before, monotonic() + pause)
                raise UnavailableError(
                    f"Discord limits the rate of messages: the next one is sent after {pause:g} s.",
                    retry_after=pause,
                )
        if answer.status in (401, 403, 404):
            what = quoted(str(reply.get("message", "")), settings.hidden)
            raise RejectedError(
                f"Discord answered {answer.status} {what}. Create a webhook, and write its address into the "
                "definition.",
                for_all=True,
            )
        return judged(answer, settings, "Discord")

    def _apply_rate_limit(self, answer: Answer) -> None:
        """Delays the next message if the rate limit is used up."""
        try:
            if answer.headers.get("X-RateLimit-Remaining") == "0":
                pause = float(answer.headers.get("X-RateLimit-Reset-After", "0"))
                if 0 < pause < LONGEST_PAUSE:
                    self._not_before = monotonic() + pause
        except ValueError:
            pass
