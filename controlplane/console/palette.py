"""Colours of the light and the dark page, told once: for the style sheet and for the charts."""

from __future__ import annotations

from dataclasses import dataclass, fields

FONT = "Roboto, 'Helvetica Neue', Arial, sans-serif"  # Roboto comes with NiceGUI, so it is there offline

# Muted and of one lightness, so that no service looks more important than another; readable on both grounds.
SERVICES = (
    "#4f86c6",
    "#2f9e90",
    "#8479d0",
    "#63a8d8",
    "#6aa86a",
    "#b37fa8",
    "#c49a45",
    "#5b7596",
    "#c98264",
    "#85a39c",
)


@dataclass(frozen=True)
class Palette:
    """One page's colours; each becomes the style sheet's variable of its name."""

    ground: str
    surface: str
    raised: str
    line: str
    ink: str
    soft: str
    faint: str
    accent: str
    accent_ground: str
    good: str
    warn: str
    bad: str
    graticule: str
    use: tuple[str, str, str, str]  # spectrum use of a link from empty to full

    def css(self) -> str:
        """``--ground: ...; --surface: ...`` for the style sheet."""
        single = "".join(
            f"--{each.name.replace('_', '-')}:{getattr(self, each.name)};"
            for each in fields(self)
            if each.name != "use"
        )
        return single + "".join(f"--use-{index}:{colour};" for index, colour in enumerate(self.use))

    def use_colour(self, share: float) -> str:
        """The colour of a link by the share of its slots in use, 0 to 1, as ``#rrggbb``."""
        place = min(max(share, 0.0), 1.0) * (len(self.use) - 1)
        low = min(int(place), len(self.use) - 2)
        ends = (_rgb(self.use[low]), _rgb(self.use[low + 1]))
        mixed = (round(a + (b - a) * (place - low)) for a, b in zip(*ends, strict=True))
        return "#" + "".join(f"{part:02x}" for part in mixed)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))


LIGHT = Palette(
    ground="#f4f6f9",
    surface="#ffffff",
    raised="#f8fafc",
    line="#e2e8f0",
    ink="#0f172a",
    soft="#475569",
    faint="#5d6b82",
    accent="#4f46e5",
    accent_ground="#eef0fe",
    good="#0d9668",
    warn="#b7740a",
    bad="#c53030",
    graticule="#eef2f7",
    use=("#b9c4d3", "#45a899", "#dcae3c", "#d8513c"),
)
DARK = Palette(
    ground="#0b1018",
    surface="#111824",
    raised="#161f2d",
    line="#222d3e",
    ink="#e8eef6",
    soft="#a5b2c5",
    faint="#8593a9",
    accent="#8f97ff",
    accent_ground="#1d2242",
    good="#3ecf96",
    warn="#f0b54a",
    bad="#f2706b",
    graticule="#182130",
    use=("#46546a", "#35a294", "#d9ad45", "#ea6650"),
)
