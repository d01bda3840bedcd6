"""The colours, and the glyph that stands beside every one of them.

Colour is never the only signal: topics have a glyph, statuses their word.
"""

from typing import Final

from rich.style import Style
from textual.theme import Theme

NOMAD_DARK: Final = Theme(
    name="nomad-dark",
    dark=True,
    primary="#41d392",
    secondary="#6aa5f8",
    accent="#41d392",
    foreground="#c3ccd6",
    background="#10171e",
    surface="#141d26",
    panel="#1b2731",
    success="#41d392",
    warning="#e8ab4c",
    error="#f0686e",
    variables={
        "border": "#41d392",
        "border-blurred": "#2c3a46",
        "quiet": "#7d8a97",
        "faint": "#66737f",
        "chosen": "#24434a",
        "chosen-blurred": "#1c2a35",
        "block-cursor-background": "#26404f",
        "block-cursor-foreground": "#ffffff",
        "footer-background": "#10171e",
        "footer-key-foreground": "#41d392",
        "footer-description-foreground": "#8996a3",
        "input-selection-background": "#41d392 30%",
        "scrollbar": "#2c3a46",
        "scrollbar-hover": "#3c4d5b",
        "scrollbar-active": "#41d392",
        "scrollbar-background": "#10171e",
        "scrollbar-background-hover": "#10171e",
        "scrollbar-background-active": "#10171e",
        "scrollbar-corner-color": "#10171e",
    },
)

NOMAD_LIGHT: Final = Theme(
    name="nomad-light",
    dark=False,
    primary="#0b7a4b",
    secondary="#1f5fc4",
    accent="#0b7a4b",
    foreground="#28323b",
    background="#fbfcfc",
    surface="#f2f4f5",
    panel="#e6eaec",
    success="#0b7a4b",
    warning="#8f5a00",
    error="#b3202c",
    variables={
        "border-blurred": "#c3cbd1",
        "footer-background": "#fbfcfc",
        "quiet": "#616d78",
        "faint": "#77828c",
        "chosen": "#cdebdd",
        "chosen-blurred": "#e3e9ec",
        "topic-deployment": "#7a3fb0",
        "topic-node": "#0e7186",
    },
)

THEMES: Final = (NOMAD_DARK, NOMAD_LIGHT)

VARIABLES: Final = {
    "topic-deployment": "#b98ae6",
    "topic-node": "#4fb8cc",
    "quiet": "#7f8b97",
    "faint": "#5b6671",
    "chosen": "#7f8b97 30%",
    "chosen-blurred": "#7f8b97 18%",
}
"""What the styles use beyond Textual's own variables, for themes that do not set them.

`quiet` and `faint` are plain colours because Textual's own muted ones, `auto` with an opacity, come out as white in
content that is not a label.
"""

TOPIC_GLYPHS: Final[dict[str, str]] = {
    "Allocation": "◆",
    "Evaluation": "▲",
    "Job": "●",
    "Deployment": "■",
    "Node": "◈",
    "Service": "○",
    "NodePool": "◎",
    "Variable": "▽",
    "HostVolume": "◰",
    "CSIVolume": "◱",
    "CSIPlugin": "▤",
    "Operator": "◉",
    "ACLToken": "▷",
    "ACLPolicy": "▷",
    "ACLRole": "▷",
    "ACLAuthMethod": "▷",
    "ACLBindingRule": "▷",
}
UNKNOWN_GLYPH: Final = "◇"
"""For a topic that the table of topics does not know."""

TOPIC_STYLES: Final[dict[str, str]] = {
    "Allocation": "allocation",
    "Evaluation": "evaluation",
    "Job": "job",
    "Deployment": "deployment",
    "Node": "node",
}
"""Topics with a colour of their own, as the ending of a component class; the others share `other`."""


def ink(style: Style) -> Style:
    """A style without its ground, so that the row it is drawn on may have one of its own."""
    return Style(color=style.color, bold=style.bold, italic=style.italic, underline=style.underline, dim=style.dim)


def glyph(topic: str) -> str:
    """The topic's glyph, one cell wide."""
    return TOPIC_GLYPHS.get(topic, UNKNOWN_GLYPH)


def topic_style(topic: str) -> str:
    """The ending of the topic's component class."""
    return TOPIC_STYLES.get(topic, "other")
