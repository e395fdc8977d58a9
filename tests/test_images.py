"""The one decode path: every kind of file gives RGB uint8 or one clear error."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from faceattr import images
from faceattr.exceptions import DataError, ImageReadError, InvalidArgumentError, InvalidTypeError
from faceattr.images import UInt8Image, find_images, read_image, resize_image

ORIENTATION = 0x0112


def picture(height: int = 40, width: int = 56, seed: int = 0) -> UInt8Image:
    """Return a smooth colourful picture in which no two corners are alike."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(seed: int = 0, orientation: int | None = None, **options: object) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    return encoded(Image.fromarray(picture(seed=seed)), "JPEG", exif=exif, **options)


def as_pil_reads(data: bytes) -> UInt8Image:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))


class TestFastPath:
    @pytest.mark.parametrize("orientation", [None, 1, 2, 3, 4, 5, 6, 7, 8])
    @pytest.mark.parametrize("subsampling", [0, 1, 2])
    @pytest.mark.parametrize("progressive", [False, True])
    def test_equals_pil(self, orientation: int | None, subsampling: int, progressive: bool) -> None:
        data = jpeg(1, orientation, quality=88, subsampling=subsampling, progressive=progressive)
        assert images.plain_jpeg_size(data) == (40, 56)  # so OpenCV decodes it
        np.testing.assert_array_equal(read_image(data), as_pil_reads(data))

    def test_an_orientation_in_xmp_alone_turns_too(self) -> None:
        plain = jpeg(1, None)
        xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/'
        xmp += b'02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        xmp += b' tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
        segment = b"http://ns.adobe.com/xap/1.0/\0" + xmp
        data = plain[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]
        assert images.plain_jpeg_size(data) is None
        assert read_image(data).shape == (56, 40, 3)
        np.testing.assert_array_equal(read_image(data), as_pil_reads(data))

    @given(
        height=st.integers(1, 70),
        width=st.integers(1, 70),
        quality=st.integers(5, 100),
        orientation=st.integers(1, 8),
        seed=st.integers(0, 1000),
    )
    def test_equals_pil_at_any_size_and_quality(
        self, height: int, width: int, quality: int, orientation: int, seed: int
    ) -> None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        image = Image.fromarray(picture(height, width, seed))
        data = encoded(image, "JPEG", quality=quality, exif=exif)
        np.testing.assert_array_equal(read_image(data), as_pil_reads(data))

    def test_gray_jpeg_equals_pil(self) -> None:
        data = encoded(Image.fromarray(picture()).convert("L"), "JPEG")
        np.testing.assert_array_equal(read_image(data), as_pil_reads(data))

    def test_real_chips_equal_pil(self, utkface_folder: Path) -> None:
        for path in sorted(utkface_folder.glob("*.jpg"))[::400]:
            np.testing.assert_array_equal(read_image(path), as_pil_reads(path.read_bytes()))

    def test_a_jpeg_followed_by_other_bytes_is_read(self) -> None:
        np.testing.assert_array_equal(read_image(jpeg() + b"trailer"), as_pil_reads(jpeg()))


class TestKindsOfFiles:
    def test_orientation_turns_the_picture_upright(self) -> None:
        upright = read_image(jpeg(quality=95))
        turned = read_image(jpeg(quality=95, orientation=6))
        assert turned.shape == (56, 40, 3)
        np.testing.assert_array_equal(turned, np.rot90(upright, -1))

    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
    def test_lossless_files_give_their_very_pixels(self, kind: str) -> None:
        np.testing.assert_array_equal(
            read_image(encoded(Image.fromarray(picture()), kind)), picture()
        )

    @pytest.mark.parametrize("kind", ["WEBP", "GIF"])
    def test_other_files_give_rgb(self, kind: str) -> None:
        found = read_image(encoded(Image.fromarray(picture()), kind))
        assert found.shape == (40, 56, 3)
        assert found.dtype == np.uint8

    def test_gray_becomes_three_equal_channels(self) -> None:
        gray = Image.fromarray(picture()).convert("L")
        found = read_image(encoded(gray, "PNG"))
        for channel in range(3):
            np.testing.assert_array_equal(found[:, :, channel], np.asarray(gray))

    def test_cmyk_is_converted(self) -> None:
        red = Image.new("RGB", (16, 16), (250, 10, 10))
        found = read_image(encoded(red.convert("CMYK"), "JPEG", quality=95))
        assert np.abs(found.astype(int) - (250, 10, 10)).max() < 12

    @pytest.mark.parametrize(
        ("level", "expected"), [(0, 0), (200, 0), (40_000, 156), (65_535, 255)]
    )
    def test_sixteen_bits_keep_their_high_byte(self, level: int, expected: int) -> None:
        data = encoded(Image.fromarray(np.full((4, 5), level, dtype=np.uint16)), "PNG")
        np.testing.assert_array_equal(read_image(data), np.full((4, 5, 3), expected))

    def test_floats_that_are_no_number_become_black(self) -> None:
        values = np.array([[np.nan, -5.0, 17.9, 255.0]], dtype=np.float32)
        found = read_image(encoded(Image.fromarray(values), "TIFF"))
        np.testing.assert_array_equal(found[0, :, 0], [0, 0, 17, 255])

    def test_floats_of_0_to_1_are_shares_of_white(self) -> None:
        values = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
        found = read_image(encoded(Image.fromarray(values), "TIFF"))
        np.testing.assert_array_equal(found[0, :, 0], [0, 127, 255])

    def test_floats_a_little_beyond_white_too(self) -> None:
        values = np.array([[0.0, 0.5, 1.02]], dtype=np.float32)
        found = read_image(encoded(Image.fromarray(values), "TIFF"))
        np.testing.assert_array_equal(found[0, :, 0], [0, 127, 255])

    def test_transparent_pixels_lie_over_white(self) -> None:
        layer = np.zeros((2, 2, 4), dtype=np.uint8)
        layer[0, 0] = (10, 20, 30, 255)
        layer[1, 1] = (0, 0, 0, 128)
        found = read_image(encoded(Image.fromarray(layer), "PNG"))
        assert found[0, 0].tolist() == [10, 20, 30]
        assert found[0, 1].tolist() == [255, 255, 255]
        assert found[1, 1].tolist() == [127, 127, 127]

    def test_a_palette_with_transparency_lies_over_white(self) -> None:
        image = Image.new("P", (2, 1), 0)
        image.putpalette([9, 9, 9, 200, 0, 0])
        image.putpixel((1, 0), 1)
        found = read_image(encoded(image, "PNG", transparency=0))
        assert found.tolist() == [[[255, 255, 255], [200, 0, 0]]]

    def test_of_an_animation_the_first_frame_is_taken(self) -> None:
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert read_image(data)[0, 0].tolist() == [255, 0, 0]

    def test_names_with_blanks_and_other_letters(self, tmp_path: Path) -> None:
        path = tmp_path / "ein Gesicht von Zoë 顔.jpg"
        path.write_bytes(jpeg())
        np.testing.assert_array_equal(read_image(path), read_image(str(path)))

    @pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
    def test_bytes_of_any_kind(self, wrap: type) -> None:
        np.testing.assert_array_equal(read_image(wrap(jpeg())), as_pil_reads(jpeg()))

    def test_pil_images_and_arrays(self) -> None:
        np.testing.assert_array_equal(read_image(Image.fromarray(picture())), picture())
        np.testing.assert_array_equal(read_image(picture()), picture())
        assert read_image(picture()[:, :, 0]).shape == (40, 56, 3)


class TestBadFiles:
    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ImageReadError, match="No such file") as caught:
            read_image(tmp_path / "nobody.jpg")
        assert caught.value.rows == (str(tmp_path / "nobody.jpg"),)

    @pytest.mark.parametrize("name", ["nul\0.jpg", "lone\ud800.jpg"])
    def test_names_that_no_file_can_have(self, name: str) -> None:
        with pytest.raises(ImageReadError, match="cannot be opened"):
            read_image(name)

    def test_a_folder_is_no_image(self, tmp_path: Path) -> None:
        with pytest.raises(ImageReadError, match="cannot be opened"):
            read_image(tmp_path)

    def test_empty_file(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.jpg"
        path.touch()
        with pytest.raises(ImageReadError, match="empty"):
            read_image(path)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_truncated_files(self, kind: str, share: float) -> None:
        data = encoded(Image.fromarray(picture(200, 200)), kind)
        with pytest.raises(ImageReadError):
            read_image(data[: int(len(data) * share)])

    def test_text_is_no_image(self) -> None:
        with pytest.raises(ImageReadError, match="not an image file"):
            read_image(b"name,age\nbob,7\n")

    def test_an_enormous_header_is_refused_before_decoding(self) -> None:
        for side, reason in ((60_000, "safely"), (12_000, "too large")):
            with pytest.raises(ImageReadError, match=reason):
                read_image(huge_png(side))

    def test_an_enormous_jpeg_header_is_refused(self) -> None:
        data = bytearray(jpeg())
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
        with pytest.raises(ImageReadError, match="too large"):
            read_image(bytes(data))

    def test_a_size_that_only_one_decoder_sees_does_not_pass(self) -> None:
        # Whoever takes the filling FF for a marker steps into the comment, to a small frame there.
        large, small = encoded(Image.new("L", (400, 300)), "JPEG"), jpeg()
        data = bytearray(b"\xff\xd8\xff\xff\xfe\xff\xf0" + bytes(0xFFEE) + large[2:])
        data[0xFF03 : 0xFF03 + 19] = small[small.index(b"\xff\xc0") :][:19]
        assert images.plain_jpeg_size(bytes(data)) is None
        assert read_image(bytes(data)).shape == (300, 400, 3)
        with pytest.raises(ImageReadError, match="too large"):
            read_image(bytes(data), max_pixels=100_000)

    def test_a_jpeg_of_endless_scans_is_refused(self) -> None:
        image = Image.fromarray(picture())
        usual = encoded(image, "JPEG", progressive=True)
        scan = usual[usual.rindex(b"\xff\xda") : -2]
        for more, fine in ((20, True), (200, False)):
            data = usual[:-2] + scan * more + usual[-2:]
            if fine:
                assert read_image(data).shape == (40, 56, 3)
                continue
            with pytest.raises(ImageReadError, match="at most 100 scans"):
                read_image(data)

    def test_a_flood_of_segments_is_refused(self) -> None:
        with pytest.raises(ImageReadError, match="for ever"):
            read_image(jpeg()[:2] + b"\xff\xfe\x00\x02" * 20_000 + jpeg()[2:])

    def test_what_another_program_would_decode_is_no_image(self) -> None:
        script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
        with pytest.raises(ImageReadError, match="not an image file"):
            read_image(script)

    def test_the_limit_can_be_lowered(self) -> None:
        with pytest.raises(ImageReadError, match="too large"):
            read_image(jpeg(), max_pixels=100)
        with pytest.raises(ImageReadError, match="too large"):
            read_image(Image.fromarray(picture()), max_pixels=100)

    @pytest.mark.parametrize(
        "source",
        [3, None, picture().astype(np.float32), picture()[:, :, :2], np.zeros((0, 4, 3), np.uint8)],
    )
    def test_what_is_no_source(self, source: object) -> None:
        with pytest.raises(InvalidTypeError) as caught:
            read_image(source)  # type: ignore[arg-type]
        assert caught.value.argument == "source"

    @given(
        kind=st.sampled_from(["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"]),
        cut=st.floats(0, 1),
        changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    )
    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_damage_gives_an_image_or_one_kind_of_error(
        self, kind: str, cut: float, changes: list[tuple[float, int]]
    ) -> None:
        data = bytearray(encoded(Image.fromarray(picture(24, 24)), kind))
        for place, value in changes:
            data[int(place * len(data))] = value
        try:
            found = read_image(bytes(data[: round(cut * len(data))]))
        except ImageReadError:
            return
        assert found.dtype == np.uint8
        assert found.ndim == 3
        assert found.shape[2] == 3


def huge_png(side: int) -> bytes:
    """Return a PNG of some bytes whose header promises ``side * side`` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_image_that_pil_has_opened_but_not_decoded(kind: str) -> None:
    whole = encoded(Image.fromarray(picture(seed=1)), kind)
    opened = Image.open(io.BytesIO(whole[:-60]))
    with pytest.raises(ImageReadError, match="damaged or truncated"):
        read_image(opened)


class TestResize:
    @given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 64))
    def test_gives_a_square_of_the_asked_size(self, height: int, width: int, size: int) -> None:
        found = resize_image(picture(height, width), size)
        assert found.shape == (size, size, 3)
        assert found.dtype == np.uint8
        assert found.flags["C_CONTIGUOUS"]

    def test_cuts_the_centre_and_keeps_proportions(self) -> None:
        wide = np.zeros((10, 30, 3), dtype=np.uint8)
        wide[:, 10:20] = 200
        np.testing.assert_array_equal(resize_image(wide, 5), np.full((5, 5, 3), 200))

    def test_same_size_is_the_same_picture(self) -> None:
        np.testing.assert_array_equal(resize_image(picture(32, 32), 32), picture(32, 32))

    def test_shrinking_averages(self) -> None:
        board = np.indices((8, 8)).sum(axis=0) % 2 * 200
        image = np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8)
        np.testing.assert_array_equal(resize_image(image, 4), np.full((4, 4, 3), 100))

    @pytest.mark.parametrize("size", [0, -1, 5000])
    def test_refuses_other_sizes(self, size: int) -> None:
        with pytest.raises(InvalidArgumentError):
            resize_image(picture(), size)


def test_find_images_goes_by_endings_and_passes_over_hidden_files(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "sub/c.webp", ".git/d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a.png", "b.JPG", "sub/c.webp"]


def test_find_images_goes_into_folders_with_an_ending_and_follows_links(tmp_path: Path) -> None:
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "album.jpg" / "a.jpg").touch()
    (tmp_path / "empty.png").mkdir()
    (tmp_path / "back").symlink_to(tmp_path)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["album.jpg/a.jpg", "gone.jpg"]


def test_find_images_passes_over_no_folder_in_silence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder cannot be read"):
        find_images(tmp_path / "absent")


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((3, 8, 8), np.uint8), "transpose"),
        (np.zeros((8, 8, 4), np.uint8), "RGBA"),
        (np.zeros((8, 8, 3)), "255"),
    ],
)
def test_an_array_of_another_form_is_told_how_to_mend_it(array, hint):
    with pytest.raises(InvalidTypeError) as caught:
        read_image(array)
    assert hint in caught.value.hint


def test_an_opened_image_may_be_read_by_many_threads(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    with Image.open(tmp_path / "noise.png") as opened, ThreadPoolExecutor(8) as pool:
        for found in pool.map(read_image, [opened] * 40):
            np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((4, 4, 3)), "floats in 0-1"),
        (np.full((4, 4, 3), 200.0), "numbers in 0-255"),
        (np.zeros((4, 4, 3), np.int64), "numbers in 0-255"),
        (np.zeros((2, 4, 4, 3), np.uint8), "a batch"),
    ],
)
def test_hints_for_arrays_fit_what_was_given(array: np.ndarray, hint: str) -> None:
    with pytest.raises(InvalidTypeError) as caught:
        read_image(array)
    assert hint in str(caught.value.hint)
