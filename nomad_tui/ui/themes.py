"""The themes and their colors.

Color is never the only signal: topics have a glyph, statuses a word. Topics share one muted hue, so that a color in a
row means a status; failure is the strongest.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from rich.style import Style
from textual.color import BLACK, WHITE, Color
from textual.theme import BUILTIN_THEMES, Theme

from nomad_tui.core.objects.registry import kind

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
        "topic": "#7f99b8",
        "chosen": "#142c52",
        "chosen-blurred": "#1a2637",
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
        "topic": "#4a6484",
    },
)

NOMAD_HIGH_CONTRAST: Final = Theme(
    name="nomad-high-contrast",
    dark=True,
    primary="#5cff9d",
    secondary="#8fc7ff",
    accent="#5cff9d",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    success="#5cff9d",
    warning="#ffd23f",
    error="#ff8a8a",
    variables={
        "border": "#5cff9d",
        "border-blurred": "#9aa5b0",
        "quiet": "#d0d7de",
        "faint": "#b0b8c0",
        "topic": "#a8d1ff",
        "chosen": "#003a8c",
        "chosen-blurred": "#333333",
        "block-cursor-background": "#ffffff",
        "block-cursor-foreground": "#000000",
        "footer-background": "#000000",
        "footer-key-foreground": "#5cff9d",
        "footer-description-foreground": "#ffffff",
    },
)

NOMAD_COLOR_BLIND: Final = Theme(
    name="nomad-color-blind",
    dark=True,
    primary="#56b4e9",
    secondary="#cc9fc0",
    accent="#56b4e9",
    foreground="#d5d9de",
    background="#10141a",
    surface="#161b22",
    panel="#1f262f",
    success="#56b4e9",
    warning="#f0e442",
    error="#ff9147",
    variables={
        "border": "#56b4e9",
        "border-blurred": "#36404b",
        "quiet": "#8d98a4",
        "faint": "#727d88",
        "topic": "#a9b3be",
        "chosen": "#23344a",
        "chosen-blurred": "#1f2a36",
        "footer-background": "#10141a",
        "footer-key-foreground": "#56b4e9",
        "footer-description-foreground": "#98a2ad",
    },
)
"""Okabe and Ito's palette: blue, yellow and orange are distinct with any color vision, and in brightness."""

NOMAD_TERMINAL: Final = Theme(
    name="nomad-terminal",
    ansi=True,
    dark=True,
    primary="ansi_green",
    secondary="ansi_blue",
    accent="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "border-blurred": "ansi_bright_black",
        "quiet": "ansi_cyan",
        "faint": "ansi_cyan",
        "topic": "ansi_cyan",
        "chosen": "ansi_blue",
        "chosen-blurred": "ansi_bright_black",
    },
)
"""The terminal's own 16 colors and background."""

THEMES: Final = (NOMAD_DARK, NOMAD_LIGHT, NOMAD_HIGH_CONTRAST, NOMAD_COLOR_BLIND, NOMAD_TERMINAL)

VARIABLES: Final = {
    "quiet": "#7f8b97",
    "faint": "#5b6671",
    "topic": "#7f99b8",
    "chosen": "#7f8b97 30%",
    "chosen-blurred": "#7f8b97 18%",
    "failure-style": "bold",
}
"""Defaults for variables of the style sheets that Textual does not have.

`quiet` and `faint` are plain colors because Textual's muted ones, `auto` with an opacity, are drawn as white in content
that is not a label.
"""

CONTRAST: Final = 4.5
"""Minimum contrast ratio of a text and its background, by WCAG 2."""
FAILURE_CONTRAST: Final = 7.0
"""Minimum contrast ratio of a failure in this program's own themes."""
_STEPS: Final = 40


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of two opaque colors, 1 to 21, by WCAG 2."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def legible(color: Color, grounds: Iterable[Color], ratio: float) -> Color:
    """`color`, blended with white or black as far as necessary for a contrast of `ratio` on each of the `grounds`."""
    found = list(grounds)
    end = WHITE if contrast(WHITE, found[0]) > contrast(BLACK, found[0]) else BLACK
    blends = (color.blend(end, step / _STEPS) for step in range(_STEPS))
    return next((blend for blend in blends if min(contrast(blend, ground) for ground in found) >= ratio), end)


def legible_variables(
    theme: Theme, variables: Mapping[str, str], *, no_color: bool, few_colors: bool
) -> dict[str, str]:
    """Replacements for a theme's variables that make statuses and times legible, also under the cursor.

    `no_color` limits the terminal to grays; `few_colors` means that it has 16 colors. In both cases, as in a theme of
    16 colors, failures are in reverse video, and the cursor's background differs from the normal one.
    """
    plain = {"failure-style": "bold reverse" if no_color or few_colors or theme.ansi else "bold"}
    if theme.ansi:
        return plain
    background, surface = Color.parse(variables["background"]), Color.parse(variables["surface"])
    if no_color:
        chosen = background.blend(background.get_contrast_text(1.0), 0.2)
    elif few_colors:
        chosen = Color.parse("#0000aa" if theme.dark else "#aaaaaa")
    elif "chosen" in theme.variables:
        chosen = Color.parse(theme.variables["chosen"])
    else:
        chosen = background.blend(Color.parse(variables["primary"]), 0.2)
    blurred = Color.parse(theme.variables.get("chosen-blurred", background.blend(chosen, 0.5).hex))
    grounds = (background, surface, chosen, blurred)
    failure = FAILURE_CONTRAST if theme in THEMES else CONTRAST
    ratios = {"error": failure, "warning": CONTRAST, "success": CONTRAST, "quiet": CONTRAST, "topic": CONTRAST}
    readable = {name: legible(Color.parse(variables[name]), grounds, ratio).hex for name, ratio in ratios.items()}
    return {**plain, **readable, "chosen": chosen.hex, "chosen-blurred": blurred.hex}


def ink(style: Style) -> Style:
    """A style without its background color, so that the row's own is used."""
    return Style(
        color=style.color,
        bold=style.bold,
        italic=style.italic,
        underline=style.underline,
        reverse=style.reverse,
        dim=style.dim,
    )


def glyph(topic: str) -> str:
    """The topic's glyph, one cell wide."""
    return kind(topic).glyph
