"""Slack: an incoming webhook. Its responses are plain text such as `ok` and `no_service`."""

from typing import Any, Final

from nomad_tui.sinks.delivery.sink import RejectedError, UnavailableError
from nomad_tui.sinks.types.answers import Answer, Settings, judged, quoted
from nomad_tui.sinks.types.chat import Chat, Message, answer_json, cut, shortened
from nomad_tui.sinks.types.templates import escape_slack

LONGEST_TEXT: Final = 40_000
"""Characters after which Slack truncates a message's text."""
LONGEST_SECTION: Final = 3_000
MAX_BLOCKS: Final = 50
LONGEST_FACT: Final = 600
"""Characters. Slack rejects blocks of about 11,000 characters in total, although it documents no limit; with these
limits, a section and `MAX_ELEMENTS` have at most 9,000."""
MAX_ELEMENTS: Final = 10
"""Elements of a context block."""

REMEDIES: Final = {
    "action_prohibited": "An administrator of the workspace restricts this webhook: ask for it to be allowed",
    "channel_is_archived": "Create a webhook for another channel, and write its address into the definition",
    "channel_not_found": "Create a webhook for another channel, and write its address into the definition",
    "no_service": "The webhook was removed or disabled: create another, and write its address into the definition",
    "no_active_hooks": "The webhook was removed or disabled: create another, and write its address into the definition",
    "no_team": "Correct the address in the definition: Slack knows no such workspace",
    "team_disabled": "Correct the address in the definition: the workspace is disabled",
    "invalid_token": "Correct the address in the definition: its last part is not the webhook's",
    "posting_to_general_channel_denied": "Create a webhook for another channel: only administrators post to this one",
}
"""Remedies by Slack's response, for errors that concern all events."""
TEMPORARY: Final = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"})
"""Temporary errors of its Web API."""


class Slack(Chat):
    def body(self, message: Message, text: str | None, blocks: list[Any] | None) -> dict[str, Any]:
        summary = (
            shortened(text, LONGEST_TEXT) if text is not None else _mrkdwn(f"*{_one(message.title)}* {_first(message)}")
        )
        if blocks is not None:
            return {"text": summary, "blocks": blocks[:MAX_BLOCKS]}
        if text is not None:
            return {"text": summary}
        lines = "\n".join(escape_slack(line) for line in message.lines)
        title = f"<{message.url}|{_one(message.title)}>" if message.url else _one(message.title)
        elements = [
            {"type": "mrkdwn", "text": _mrkdwn(f"{name}: {escape_slack(value)}", LONGEST_FACT)}
            for name, value in message.facts[:MAX_ELEMENTS]
        ]
        made: list[dict[str, Any]] = [
            {"type": "section", "text": {"type": "mrkdwn", "text": _mrkdwn(f"*{title}*\n{lines}")}}
        ]
        if elements:
            made.append({"type": "context", "elements": elements})
        fallback = cut(message.text, 1_000)
        return {
            "text": summary,
            "attachments": [{"color": f"#{message.color:06x}", "fallback": fallback, "blocks": made}],
        }

    def judge(self, answer: Answer, settings: Settings) -> str:
        reply = answer.body[:200].decode("utf-8", "replace").strip()
        if 400 <= answer.status < 500 and reply in REMEDIES:
            raise RejectedError(f"Slack answered {answer.status} {reply}. {REMEDIES[reply]}.", for_all=True)
        found = answer_json(answer) if 200 <= answer.status < 300 else {}
        if found.get("ok") is False:  # its Web API answers so; an incoming webhook does not
            error = quoted(str(found.get("error", "no reason")), settings.hidden)
            what = f"Slack answered {answer.status} and refused it: {error}."
            if error in TEMPORARY:
                raise UnavailableError(what)
            raise RejectedError(f"{what} Write the address of an incoming webhook into the definition.", for_all=True)
        return judged(answer, settings, "Slack")


def _one(text: str) -> str:
    return escape_slack(text).replace("\n", " ").replace("|", "¦")


def _first(message: Message) -> str:
    return escape_slack(message.lines[0]) if message.lines else ""


def _mrkdwn(text: str, most: int = LONGEST_SECTION) -> str:
    """Truncates without splitting an escape sequence."""
    if len(text) <= most:
        return text
    text = text[: most - 8]
    return text[: text.rfind("&")] + "…" if "&" in text[-5:] else text + "…"
