"""The types of sinks, apart from their settings so that `--help` loads nothing else."""

from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """Values are the names in `type`."""

    meaning: str
    letter: str
    """The key that chooses it for a new sink."""
    example: str
    """An example address; empty where there is no address."""

    def __new__(cls, name: str, meaning: str = "", letter: str = "", example: str = "") -> Self:
        kind = str.__new__(cls, name)
        kind._value_ = name
        kind.meaning, kind.letter, kind.example = meaning, letter, example
        return kind

    WEBHOOK = "webhook", "HTTP requests to a URL", "w", "https://example.com/hook"
    FILE = "file", "lines in a file that rotates", "f", "/var/log/nomad-events.ndjson"
    STDOUT = "stdout", "lines on standard output", "o"
    NATS = "nats", "messages in a NATS JetStream", "n", "nats://127.0.0.1:4222"
    EXEC = "exec", "a command for each event or batch", "x"
    SLACK = "slack", "messages in a Slack channel", "s", "https://hooks.slack.com/services/T000/B000/XXXX"
    DISCORD = "discord", "messages in a Discord channel", "d", "https://discord.com/api/webhooks/ID/TOKEN"
    TEAMS = (
        "teams",
        "cards in a Microsoft Teams channel",
        "t",
        "https://prod-00.westeurope.logic.azure.com/workflows/ID/triggers/manual/paths/invoke",
    )
    PAGERDUTY = (
        "pagerduty",
        "incidents in PagerDuty, closed by recoveries",
        "p",
        "https://events.pagerduty.com/v2/enqueue",
    )
    ALERTMANAGER = (
        "alertmanager",
        "alerts in Prometheus's Alertmanager, ended by recoveries",
        "a",
        "http://alertmanager:9093",
    )
    LOKI = "loki", "log lines in Grafana Loki", "l", "http://loki:3100"
