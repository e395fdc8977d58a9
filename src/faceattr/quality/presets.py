"""Thresholds by name, for those who have none of their own.

They were set by looking at the chips of UTKFace beside each threshold, and at chips compressed
with known JPEG qualities. Of 18,969 chips (200x200 pixels) "lenient" drops 0.14 %, "standard"
2.51 % and "strict" 11.23 %, nearly all for blur; docs/results/quality-utkface.md has the shares of
each metric and of each group.

Limits of light are wide on purpose. A mean luma below 60 would drop 3.7 % of the chips labelled
Black and 0.3 % of those labelled White, one above 190 would drop 8.9 % of the children below 4
years and 1.5 % of all: such a limit chooses people, not pictures. No preset looks at skin tone.

The limits of BRISQUE are for the bundled support vectors. 55, at which the reference study begins
its worst group, is no limit here: of piq's implementation, which is followed, it would drop 24 % of
the chips, most of them without a visible flaw.
"""

from __future__ import annotations

__all__ = ["PRESETS"]

PRESETS: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "lenient": {  # what is hard to recognise
        "size": (32.0, None),
        "luminance": (30.0, 235.0),
        "clipped_dark": (None, 0.6),
        "clipped_bright": (None, 0.6),
        "contrast": (100.0, None),
        "entropy": (4.5, None),
        "laplacian_variance": (5.0, None),
        "high_frequency_energy": (-2.0, None),
        "blockiness": (None, 6.0),
        "brisque": (None, 70.0),
    },
    "standard": {  # what is plainly blurred, blocky or without light
        "size": (64.0, None),
        "luminance": (40.0, 225.0),
        "clipped_dark": (None, 0.5),
        "clipped_bright": (None, 0.5),
        "contrast": (200.0, None),
        "entropy": (5.0, None),
        "laplacian_variance": (8.0, None),
        "high_frequency_energy": (0.5, None),
        "blockiness": (None, 4.5),
        "brisque": (None, 64.0),
    },
    "strict": {  # what has a visible flaw
        "size": (112.0, None),
        "luminance": (45.0, 215.0),
        "clipped_dark": (None, 0.4),
        "clipped_bright": (None, 0.4),
        "contrast": (300.0, None),
        "entropy": (5.5, None),
        "laplacian_variance": (12.0, None),
        "high_frequency_energy": (2.0, None),
        "blockiness": (None, 3.5),
        "brisque": (None, 60.0),
    },
}
"""Limits (low, high) by metric, None where there is none.

Light comes first, since a dark picture has little contrast and little detail for that reason.
"""
