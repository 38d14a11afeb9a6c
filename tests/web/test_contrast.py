"""Every pair of colours that carries meaning meets WCAG 2 AA, in light and in dark; read from the tokens of app.css."""

import re
from pathlib import Path

import pytest

CSS = Path(__file__).resolve().parents[2] / "config" / "static" / "app.css"
TEXT, GRAPHIC = 4.5, 3.0
BANDS = ("critical", "high", "medium", "low", "other")
SURFACES = ("bg", "surface", "raised", "sunken", "hover", "selected")
PAIRS = [
    *((text, surface, TEXT) for text in ("text", "text-2", "text-3", "accent") for surface in SURFACES),
    *(
        (f"sev-{band}", surface, TEXT)
        for band in ("critical", "high", "medium", "low", "other")
        for surface in SURFACES
    ),
    *((f"fill-{band}", back, GRAPHIC) for band in BANDS for back in SURFACES),
    *(("control", surface, GRAPHIC) for surface in ("bg", "surface", "raised")),
    *(("focus", surface, GRAPHIC) for surface in SURFACES),
    *(("danger", surface, TEXT) for surface in ("surface", "raised", "hover", "danger-soft", "bg")),
    *(("text", surface, TEXT) for surface in ("danger-soft", "partial-soft", "accent-soft")),
    *(("partial", surface, TEXT) for surface in ("surface", "bg", "partial-soft", "partial-stripe")),
    ("accent", "accent-soft", TEXT),
    ("on-accent", "accent-fill", TEXT),
    ("on-accent", "accent-fill-hover", TEXT),
    ("on-accent", "danger-fill", TEXT),
    ("on-accent", "danger-fill-hover", TEXT),
    ("accent", "line", GRAPHIC),
]


def _tokens() -> dict[str, tuple[str, str]]:
    found = re.findall(r"--([a-z0-9-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\);", CSS.read_text("utf-8"))
    return {name: (light, dark) for name, light, dark in found}


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_colour_pair_is_readable(front: str, back: str, least: float, scheme: int) -> None:
    tokens = _tokens()

    ratio = _contrast(tokens[front][scheme], tokens[back][scheme])

    assert ratio >= least, f"--{front} on --{back}: {ratio:.2f} is less than {least}"


def test_black_on_white_is_the_known_ratio() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21.0)


def test_severities_differ_in_lightness_for_colour_blind_readers() -> None:
    tokens = _tokens()

    light = [_luminance(tokens[f"fill-{band}"][0]) for band in ("critical", "high", "medium")]

    assert light == sorted(light)
