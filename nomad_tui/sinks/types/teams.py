"""Microsoft Teams: an adaptive card posted to a workflow, or to a legacy incoming webhook."""

import re
from typing import Any, Final

import orjson

from nomad_tui.sinks.delivery.sink import RejectedError, UnavailableError
from nomad_tui.sinks.types.answers import Answer, Settings, judged, quoted
from nomad_tui.sinks.types.chat import Chat, Message, cut, escape_markdown, shortened

LARGEST: Final = 28_000
"""Bytes of a message; Teams allows 28 KB, here taken as 28,000."""
COLORS: Final = {"failure": "Attention", "warning": "Warning", "resolved": "Good"}

_FAILED: Final = re.compile(r"delivery failed(?:.*HTTP error (\d{3}))?", re.DOTALL)
"""Response of a legacy webhook with status 200 if Teams did not accept the message."""


class Teams(Chat):
    def body(self, message: Message, text: str | None, blocks: list[Any] | None) -> dict[str, Any]:
        if blocks is not None or text is not None:
            return _card(blocks if blocks is not None else [_text(shortened(text or "", 10_000))], "")
        title = _text(cut(escape_markdown(message.title), 500)) | {
            "size": "Medium",
            "weight": "Bolder",
            "color": COLORS.get(message.state, "Default"),
        }
        facts = [{"title": name, "value": cut(escape_markdown(value), 600)} for name, value in message.facts]
        lines = [_text(cut(escape_markdown(line), 1_500)) for line in message.lines]
        while True:
            body = [title, *lines, *([{"type": "FactSet", "facts": facts}] if facts else [])]
            made = _card(body, message.url)
            if len(orjson.dumps(made)) <= LARGEST or not lines:
                return made
            lines.pop()

    def judge(self, answer: Answer, settings: Settings) -> str:
        reply = answer.body[:500].decode("utf-8", "replace")
        if 200 <= answer.status < 300 and (failed := _FAILED.search(reply)) is not None:
            what = f"Teams accepted the request, then failed: {quoted(reply, settings.hidden)}."
            status = failed[1] or ""
            if status == "429" or status.startswith("5"):
                raise UnavailableError(what)
            raise RejectedError(what, too_large=status == "413")
        return judged(answer, settings, "Teams")


def _text(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True}


def _card(body: list[Any], url: str) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open in Nomad", "url": url}]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}
