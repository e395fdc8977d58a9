"""The structure of JPEG files, read without decoding them."""

from __future__ import annotations

import re
import struct

__all__ = ["MAX_SCANS", "is_decoded_soon", "plain_jpeg_size"]

MAX_SCANS = 100
"""Scans of an image, at most, as libtiff has it; encoders write about ten."""

_MAX_SEGMENTS = 10_000
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
# Between the bytes of a scan stand FF 00 and restart markers; anything else after FF is a marker.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_ALONE = frozenset({0x01, 0xD8})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BEFORE_FRAME = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})


def plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return (height, width) of a complete 8-bit gray or YCbCr JPEG; None for anything else.

    Only segments that every decoder steps over in the same way may come before the size, so that
    nobody finds another size than the decoder does. An orientation that XMP tells, which not every
    decoder reads, is not plain either.
    """
    if not (data.startswith(_START) and data.endswith(_END)):
        return None
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in _FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
            plain = bits == 8 and components in (1, 3) and height > 0 and width > 0
            return (height, width) if plain else None
        segment = data[position + 4 : position + 2 + length]
        turned_by_xmp = segment.startswith(_XMP) and b"Orientation" in segment
        if marker not in _BEFORE_FRAME or length < 2 or turned_by_xmp:
            return None
        position += 2 + length
    return None


def is_decoded_soon(data: bytes) -> bool:
    """Tell whether a JPEG has so few scans that decoding takes about as long as its size says.

    Each scan is a pass over the whole image, and an empty one takes some bytes: of 170 kB with 500
    scans, 16 million pixels took half a minute. True for anything that is no JPEG.
    """
    if not data.startswith(_START):
        return True
    position = scans = segments = 0
    while found := _MARKER.search(data, position):
        marker, position = found[1][0], found.end()
        if marker == _END[1] or position + 2 > len(data):
            break
        if marker in _ALONE:
            continue
        segments += 1
        scans += marker == _SCAN
        if scans > MAX_SCANS or segments > _MAX_SEGMENTS:
            return False
        position += struct.unpack_from(">H", data, position)[0]
    return True
