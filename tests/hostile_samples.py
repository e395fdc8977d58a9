"""Bytes that were made to hurt who decodes them: none is a picture that should be answered."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

__all__ = ["encoded", "hostile", "noise", "png"]


def noise(height: int = 80, width: int = 80) -> Image.Image:
    small = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(side: int, body: bytes = b"\0", more: bytes = b"") -> bytes:
    """Return a PNG whose header promises ``side * side`` pixels, whatever it holds."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), more, chunk(b"IDAT", zlib.compress(body)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def hostile() -> dict[str, bytes]:
    """Return bytes by what is wrong with them; of one megabyte at most but for one."""
    jpeg = encoded(noise(), "JPEG")
    progressive = encoded(Image.new("RGB", (2000, 2000)), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    bomb = zlib.compress(bytes(300_000_000), 9)
    found = {
        "nothing": b"",
        "a byte": b"\xff",
        "text": b"name,age\nbob,7\n" * 1000,
        "html": b"<html><img src=x></html>",
        "script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        "random": np.random.default_rng(0).bytes(1_000_000),
        "six megabytes": jpeg + bytes(6_000_000),
        "png of 50000 squared": png(50_000),
        "png of 12000 squared": png(12_000),
        "png that holds its 9000 squared": png(9000, bytes(9000 * 27_001)),
        "png with text of 300 MB": png(80, more=chunk(b"zTXt", b"Comment\0\0" + bomb)),
        "png with a profile of 300 MB": png(80, more=chunk(b"iCCP", b"icc\0\0" + bomb)),
        "jpeg of endless scans": progressive[:-2] + scan * 200 + progressive[-2:],
        "jpeg of comments": jpeg[:2] + b"\xff\xfe\x00\x02" * 200_000 + jpeg[2:],
        "jpeg of filling": jpeg[:3] + b"\xff" * 1_000_000,
        "jpeg of zeros": jpeg[:2] + bytes(1_000_000),
        "jpeg with two sizes": hidden_size(),
        "riff": b"RIFF" + struct.pack("<I", 40) + b"WAVEfmt " + bytes(40),
    }
    for kind in ("JPEG", "PNG", "WEBP"):
        whole = encoded(noise(), kind)
        found |= {f"{kind} cut at {cut}": whole[: int(len(whole) * cut)] for cut in (0.2, 0.7)}
    return found | {f"{kind} of {side} squared": data for kind, side, data in claims()}


def hidden_size() -> bytes:
    """Return a JPEG of 9 million pixels that a careless reader takes for one of 6400."""
    large, small = encoded(Image.new("L", (3000, 3000)), "JPEG"), encoded(noise(), "JPEG")
    data = bytearray(b"\xff\xd8\xff\xff\xfe\xff\xf0" + bytes(0xFFEE) + large[2:])
    data[0xFF03 : 0xFF03 + 19] = small[small.index(b"\xff\xc0") :][:19]
    return bytes(data)


def claims() -> list[tuple[str, int, bytes]]:
    """Return small files of several kinds whose headers promise enormous images."""
    jpeg = bytearray(encoded(noise(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 50_000, 50_000)
    gif = bytearray(encoded(noise(), "GIF"))
    gif[6:10] = struct.pack("<HH", 50_000, 50_000)
    bmp = bytearray(encoded(noise(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
    tiff = bytearray(encoded(noise(), "TIFF"))
    (start,) = struct.unpack_from("<I", tiff, 4)
    for entry in range(start + 2, start + 26, 12):  # the width and the height come first
        struct.pack_into("<HHII", tiff, entry, 256 + (entry > start + 2), 4, 1, 50_000)
    size = (16_382).to_bytes(3, "little") * 2
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size
    webp = b"RIFF" + struct.pack("<I", len(webp)) + webp
    return [
        *(("JPEG", 50_000, bytes(jpeg)), ("GIF", 50_000, bytes(gif)), ("BMP", 50_000, bytes(bmp))),
        *(("TIFF", 50_000, bytes(tiff)), ("WEBP", 16_383, webp)),
    ]
