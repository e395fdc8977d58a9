"""Tables: what every stage hands to the next, on disk and in memory.

`write_table` and `read_table` keep a pandas table without loss: CSV with a small JSON of types
beside it, or Parquet. The rest says what the columns of a table are called and checks them.
"""

from faceattr.tables.files import read_table, write_table
from faceattr.tables.schema import (
    check_ids,
    pred_column,
    prediction_columns,
    prob_column,
    tasks_from_predictions,
)

__all__ = [
    "check_ids",
    "pred_column",
    "prediction_columns",
    "prob_column",
    "read_table",
    "tasks_from_predictions",
    "write_table",
]
