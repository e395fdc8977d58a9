"""Columns as text cells and back, without loss.

A missing value is the cell None; which text stands for it in a file is the file's affair. Floats
are written with the shortest decimal that gives the same float64, so that no bit is lost (the sign
and payload of a NaN excepted).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.exceptions import TableError

__all__ = ["Cells", "Entry", "decode_column", "encode_column"]

Cells: TypeAlias = list[str | None]
Entry: TypeAlias = dict[str, Any]

_INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_FLOATS = frozenset({"float16", "float32", "float64"})
_NULLABLE_INTEGERS = frozenset(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
_NULLABLE_FLOATS = frozenset({"Float32", "Float64"})
_TEXTS = frozenset({"str", "string"})
_JSON_SCALARS = (str, bool, int, float)


def encode_column(values: pd.Series, name: str) -> tuple[Entry, Cells]:
    """Write a column as text cells and as the entry of types that reads them back.

    Raises
    ------
    TableError
        If the type cannot be kept; `name` stands in the message.
    """
    dtype = _dtype_name(values.dtype)
    if dtype == "category":
        return _encode_category(values, name)
    if dtype == "object":
        return _encode_objects(values, name)
    writer = _writer(dtype)
    if writer is None:
        raise TableError(
            "a type of column that cannot be kept without loss",
            argument=name,
            expected="numbers, booleans, text or categories of these",
            found=str(values.dtype),
            hint=f"convert it first: table[{name!r}].astype(str)",
        )
    missing = _missing(values)
    cells: Cells = [
        None if gone else writer(value) for value, gone in zip(values.array, missing, strict=True)
    ]
    return {"dtype": dtype}, cells


def decode_column(entry: Entry, cells: Cells) -> Any:
    """Read text cells as the entry of types says; a pandas or NumPy array of the same length.

    Raises
    ------
    ValueError, TypeError, KeyError, ArithmeticError
        If a cell or the entry is damaged.
    """
    dtype = entry["dtype"]
    if dtype == "category":
        return _decode_category(entry, cells)
    if dtype == "object":
        return _decode_objects(entry, cells)
    if dtype == "bool":
        return np.array([_read_bool(cell) for cell in _complete(cells)], dtype=bool)
    if dtype in _INTEGERS:
        return np.array([int(cell) for cell in _complete(cells)], dtype=dtype)
    if dtype in _FLOATS:
        numbers = [float("nan") if cell is None else float(cell) for cell in cells]
        return _narrow(numbers, dtype)
    return _decode_nullable(dtype, cells)


def _decode_nullable(dtype: str, cells: Cells) -> Any:
    mask = np.array([cell is None for cell in cells], dtype=bool)
    if dtype in _TEXTS:
        text = pd.Series(cells, dtype=object)
        return text.astype("string" if dtype == "string" else "str").array
    if dtype == "boolean":
        flags = [cell is not None and _read_bool(cell) for cell in cells]
        return pd.arrays.BooleanArray(np.array(flags, dtype=bool), mask)
    if dtype in _NULLABLE_INTEGERS:
        whole = [0 if cell is None else int(cell) for cell in cells]
        return pd.arrays.IntegerArray(np.array(whole, dtype=dtype.lower()), mask)
    if dtype in _NULLABLE_FLOATS:
        numbers = [0.0 if cell is None else float(cell) for cell in cells]
        # FloatingArray itself, so that a NaN that is not missing stays one.
        return pd.arrays.FloatingArray(_narrow(numbers, dtype.lower()), mask)
    raise ValueError(f"unknown type {dtype!r}")


def _narrow(numbers: list[float], dtype: str) -> npt.NDArray[Any]:
    with np.errstate(over="raise"):  # what was written fits its type
        return np.array(numbers, dtype=np.float64).astype(dtype)


def _dtype_name(dtype: Any) -> str:
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(dtype, pd.StringDtype):
        return "string" if dtype.na_value is pd.NA else "str"
    return str(dtype)


def _writer(dtype: str) -> Callable[[Any], str] | None:
    if dtype in _INTEGERS | _NULLABLE_INTEGERS:
        return lambda value: str(int(value))
    if dtype in _FLOATS | _NULLABLE_FLOATS:
        return lambda value: repr(float(value))
    if dtype in {"bool", "boolean"}:
        return lambda value: str(bool(value))
    return str if dtype in _TEXTS else None


def _missing(values: pd.Series) -> Sequence[bool]:
    if str(values.dtype) in _NULLABLE_FLOATS:
        return [value is pd.NA for value in values.array]
    return [bool(gone) for gone in values.isna()]


def _encode_category(values: pd.Series, name: str) -> tuple[Entry, Cells]:
    categories = pd.Series(values.cat.categories)
    entry, texts = encode_column(categories, name)
    if entry["dtype"] == "category":  # pandas does not make these; a guard against recursion
        raise TableError("categories of categories", argument=name)
    cells: Cells = [None if code < 0 else texts[code] for code in values.cat.codes]
    ordered = bool(values.cat.ordered)
    return {"dtype": "category", "ordered": ordered, "categories": entry | {"cells": texts}}, cells


def _decode_category(entry: Entry, cells: Cells) -> pd.Categorical:
    inner = entry["categories"]
    texts = inner["cells"]
    _check_cells(texts)
    if inner["dtype"] == "category" or not isinstance(entry["ordered"], bool):
        raise ValueError("categories are not described as they should be")
    positions: dict[str | None, int] = {text: position for position, text in enumerate(texts)}
    positions[None] = -1
    codes = [positions[cell] for cell in cells]
    values = decode_column(inner, texts)
    categories = pd.Index(values, dtype=values.dtype)  # without it objects would become text
    return pd.Categorical.from_codes(codes, categories=categories, ordered=entry["ordered"])


def _encode_objects(values: pd.Series, name: str) -> tuple[Entry, Cells]:
    if all(value is None or isinstance(value, str) for value in values):
        return {"dtype": "object", "as": "text"}, list(values)
    strange = [value for value in values if not _is_json_scalar(value)]
    if strange:
        raise TableError(
            "a column of objects that cannot be kept without loss",
            argument=name,
            expected="text, numbers, booleans or None",
            found=f"{strange[0]!r} ({type(strange[0]).__name__})",
            hint=f"convert it first: table[{name!r}].astype(str)",
        )
    cells: Cells = [None if value is pd.NA else json.dumps(value) for value in values]
    return {"dtype": "object", "as": "json"}, cells


def _is_json_scalar(value: object) -> bool:
    # Subclasses (np.float64 is a float) would come back as their plain type.
    return value is None or value is pd.NA or type(value) in _JSON_SCALARS


def _decode_objects(entry: Entry, cells: Cells) -> Any:
    values = np.empty(len(cells), dtype=object)
    if entry["as"] == "text":
        values[:] = cells
        return values
    if entry["as"] != "json":
        raise ValueError("objects are not described as they should be")
    for position, cell in enumerate(cells):
        value = pd.NA if cell is None else json.loads(cell)
        if not _is_json_scalar(value):
            raise ValueError("an object that is neither text, number, boolean nor None")
        values[position] = value
    return values


def _check_cells(cells: object) -> None:
    if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
        raise ValueError("a list of text is needed")


def _complete(cells: Cells) -> list[str]:
    present = [cell for cell in cells if cell is not None]
    if len(present) < len(cells):
        raise ValueError("a value is missing in a column that cannot hold missing values")
    return present


def _read_bool(cell: str) -> bool:
    if cell not in {"True", "False"}:
        raise ValueError(f"{cell!r} is neither True nor False")
    return cell == "True"
