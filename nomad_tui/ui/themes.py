"""The colours, and the glyph that stands beside every one of them.

Colour is never the only signal: topics have a glyph, statuses their word.
"""

from typing import Final

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
    variables={"border-blurred": "#c3cbd1", "footer-background": "#fbfcfc"},
)

THEMES: Final = (NOMAD_DARK, NOMAD_LIGHT)

VARIABLES: Final = {"topic-deployment": "#b98ae6", "topic-node": "#4fb8cc"}
"""What the styles use beyond Textual's own variables, for themes that do not set them."""

TOPIC_GLYPHS: Final[dict[str, str]] = {
    "Allocation": "◆",
    "Evaluation": "▲",
    "Job": "●",
    "Deployment": "■",
    "Node": "◈",
    "Service": "○",
    "NodePool": "◎",
    "Variable": "▽",
    "HostVolume": "▣",
    "CSIVolume": "▣",
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


def glyph(topic: str) -> str:
    """The topic's glyph, one cell wide."""
    return TOPIC_GLYPHS.get(topic, UNKNOWN_GLYPH)


def topic_style(topic: str) -> str:
    """The ending of the topic's component class."""
    return TOPIC_STYLES.get(topic, "other")
