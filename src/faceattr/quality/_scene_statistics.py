"""Natural scene statistics of an image: the 36 features that BRISQUE is computed from.

Normalised luma and the products of its neighbours follow generalised Gaussian distributions whose
parameters shift with distortion (Mittal, Moorthy & Bovik, "No-reference image quality assessment in
the spatial domain", IEEE Transactions on Image Processing 21(12), 2012). Everything here comes from
two filters and sums of products: no pixel is visited by Python, and no distribution is fitted by
iteration, its shape is looked up.

The arithmetic follows `piq.brisque`: zeros beyond the border, circular neighbours, single
precision, and a two-dimensional kernel summed in the same order, so that even the rounding in flat
areas, of which BRISQUE counts the signs, is the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.quality._shapes import GRID, asymmetric_shape, mean_factor, symmetric_shape

__all__ = ["FEATURES", "Moments", "features_of", "half_size", "scene_moments"]

FEATURES = 36
"""Two scales of 18: shape and variance, and for four neighbours shape, mean and two variances."""

Float32Image: TypeAlias = npt.NDArray[np.float32]
FloatArray: TypeAlias = npt.NDArray[np.float64]

_KERNEL_SIDE = 7
_KERNEL_SIGMA = 7 / 6
_LEAST_SHARE = 1e-5
_BLOCK = 1 << 18
"""Elements that are summed in single precision before the sums are added in double."""


class Moments(NamedTuple):
    r"""Sums over the normalised luma of one scale, from which its features follow.

    Attributes
    ----------
    pixels : int
    absolute, squares : float
        Sums of the coefficients' absolute values and squares.
    products : numpy.ndarray of float64, shape (4, 5)
        For the neighbours to the left, above, above left and below left, of the products p: the
        sums of \|p\|, p², p\|p\|, sign(p), and the number of products other than 0.
    """

    pixels: int
    absolute: float
    squares: float
    products: FloatArray


def scene_moments(luma: Float32Image) -> Moments:
    """Sum up one scale of an image, float32 (H, W) in 0-255."""
    height, width = luma.shape
    # Neighbours wrap around: a frame of copies makes every neighbour a shift of the flat array.
    normalised = _normalise(luma)
    framed = cv2.copyMakeBorder(normalised, 1, 1, 1, 0, cv2.BORDER_WRAP)
    row = width + 1
    rows = max(1, _BLOCK // row)
    sums = np.zeros((4, 5))
    for start in range(0, height, rows):
        block = framed[start : start + rows + 2]  # with a row more on either side
        parts = _parts(np.asarray(block, dtype=np.float32).reshape(-1))
        for number, shift in enumerate((1, row, row + 1, 1 - row)):
            sums[number] += _shifted_products(parts, row, parts.shape[1] - row, shift, row)
    absolute, squares = (cv2.norm(normalised, kind) for kind in (cv2.NORM_L1, cv2.NORM_L2SQR))
    return Moments(height * width, absolute, squares, sums)


def _normalise(luma: Float32Image) -> Float32Image:
    """Return mean-subtracted, contrast-normalised luma (MSCN coefficients)."""
    mean = cv2.filter2D(luma, cv2.CV_32F, _KERNEL, borderType=cv2.BORDER_CONSTANT)
    square = cv2.multiply(luma, luma)
    spread = cv2.filter2D(square, cv2.CV_32F, _KERNEL, borderType=cv2.BORDER_CONSTANT)
    cv2.multiply(mean, mean, dst=square)
    cv2.absdiff(spread, square, dst=spread)
    cv2.sqrt(spread, dst=spread)
    np.add(spread, 1.0, out=spread)
    np.subtract(luma, mean, out=mean)
    normalised: Float32Image = np.divide(mean, spread, out=mean)
    return normalised


def _parts(values: Float32Image) -> Float32Image:
    """Return x as factors: the product of two of a row is the row's function of the product."""
    parts = np.empty((5, len(values)), dtype=np.float32)
    np.abs(values, out=parts[0])
    np.multiply(values, values, out=parts[1])
    np.multiply(values, parts[0], out=parts[2])
    np.sign(values, out=parts[3])
    np.abs(parts[3], out=parts[4])
    return parts


def _shifted_products(
    parts: Float32Image, start: int, stop: int, shift: int, row: int
) -> npt.NDArray[np.float32]:
    """Sum the products of whole rows with their neighbours, without the column of the frame."""
    first = start + 1  # the frame's own column is taken away below, and of the first row here
    products = np.vecdot(parts[:, first:stop], parts[:, first - shift : stop - shift])
    frame = slice(start + row, stop, row)
    if frame.start < frame.stop:
        beside = slice(frame.start - shift, frame.stop - shift, row)
        products -= np.vecdot(parts[:, frame], parts[:, beside])
    return np.asarray(products, dtype=np.float32)


def half_size(luma: Float32Image) -> Float32Image:
    """Halve an image as MATLAB's ``imresize`` does: antialiased cubic, edges mirrored."""
    height, width = luma.shape
    if height % 2 == 0 and width % 2 == 0:
        smooth = cv2.sepFilter2D(
            luma, cv2.CV_32F, _HALVING, _HALVING, anchor=(3, 3), borderType=cv2.BORDER_REFLECT
        )
        return np.ascontiguousarray(smooth[::2, ::2], dtype=np.float32)
    return _halve_rows(_halve_rows(luma).T).T.copy()


def _halve_rows(image: Float32Image) -> Float32Image:
    """Halve the height, also where the scale is not exactly a half and weights vary by row."""
    height = image.shape[0]
    positions, weights = _halving_weights(height, height // 2)
    halved = np.zeros((height // 2, image.shape[1]), dtype=np.float32)
    for rows, weight in zip(positions, weights, strict=True):
        halved += image[rows] * weight[:, None]
    return halved


@lru_cache(maxsize=64)  # images of a folder often share a size; the arrays are only read
def _halving_weights(size: int, half: int) -> tuple[npt.NDArray[np.intp], Float32Image]:
    scale = half / size
    taps = int(np.ceil(4 / scale)) + 2
    centres = (np.arange(half, dtype=np.float32) + np.float32(0.5)) / np.float32(scale)
    centres -= np.float32(0.5)
    base = np.floor(centres) - taps // 2 + 1
    steps = np.arange(taps, dtype=np.float32)[:, None]
    weights = _cubic(((centres - base) - steps) * np.float32(scale)).astype(np.float32)
    weights /= weights.sum(axis=0)
    rows = base.astype(np.intp) + np.arange(taps)[:, None]
    rows = np.where(rows < 0, -rows - 1, rows)
    rows = np.where(rows >= size, 2 * size - 1 - rows, rows)
    return rows, weights


def _cubic(distance: Float32Image) -> Float32Image:
    """Evaluate the cubic convolution kernel of Keys (1981), a = -1/2."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0)).astype(np.float32)


def features_of(moments: list[tuple[Moments, Moments]]) -> FloatArray:
    """Return the features of n images, float64 (n, 36); NaN where an image has no structure.

    Parameters
    ----------
    moments : list of pairs of Moments
        Of each image at its own and at half its size.
    """
    pixels = np.array([[scale.pixels for scale in image] for image in moments], dtype=np.float64)
    absolute = np.array([[scale.absolute for scale in image] for image in moments])
    squares = np.array([[scale.squares for scale in image] for image in moments])
    products = np.array([[scale.products for scale in image] for image in moments])
    products = products.reshape(len(moments), 2, 4, 5)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = squares / pixels
        shape = GRID[symmetric_shape(variance / (absolute / pixels) ** 2)]
        neighbours = _neighbour_features(products, pixels[..., None])
    found = np.concatenate([shape[..., None], variance[..., None], neighbours], axis=2)
    found[~np.isfinite(found).all(axis=2)] = np.nan
    return found.reshape(len(moments), FEATURES)


def _neighbour_features(products: FloatArray, pixels: FloatArray) -> FloatArray:
    """Fit asymmetric generalised Gaussians by their moments (Lasmar, Stitou & Berthoumieu 2009)."""
    absolute, squares, signed, signs, counted = np.moveaxis(products, -1, 0)
    right = _one_side(squares + signed, counted + signs, squares)
    left = _one_side(squares - signed, counted - signs, squares)
    ratio = np.sqrt(left / right)
    kurtosis = (absolute / pixels) ** 2 / (squares / pixels)
    kurtosis *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    index = asymmetric_shape(kurtosis)
    mean = (np.sqrt(right) - np.sqrt(left)) * mean_factor(index)
    return np.stack([GRID[index], mean, left, right], axis=-1).reshape(*products.shape[:2], 16)


def _one_side(squares: FloatArray, counted: FloatArray, of: FloatArray) -> FloatArray:
    """Return the mean square on one side of 0; NaN where it is no more than rounding."""
    return np.where((counted > 0) & (squares > _LEAST_SHARE * of), squares / counted, np.nan)


def _gaussian_kernel() -> Float32Image:
    steps = np.arange(_KERNEL_SIDE, dtype=np.float32) - np.float32(_KERNEL_SIDE // 2)
    squares = steps**2
    exponents = -(squares[None, :] + squares[:, None]) / np.float32(2 * _KERNEL_SIGMA**2)
    kernel = np.exp(exponents.astype(np.float64)).astype(np.float32)
    # Every bit counts, see above: exponentials and sum are those of doubles, rounded once.
    return np.asarray(kernel / np.float32(kernel.sum(dtype=np.float64)), dtype=np.float32)


_KERNEL = _gaussian_kernel()
_HALVING = np.array([-3, -9, 29, 111, 111, 29, -9, -3], dtype=np.float32) / 256
"""The cubic kernel at half size, which is a sum of powers of two: bytes are halved exactly."""
