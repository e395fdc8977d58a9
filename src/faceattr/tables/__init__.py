"""Tables: what every stage hands to the next, on disk and in memory.

`write_table` and `read_table` keep a pandas table without loss: CSV with a small JSON of types
beside it, or Parquet. `write_shard` and `merge_shards` do so for tables that are made in parts. The
rest says what the columns of a table are called and checks them.
"""

from faceattr.tables.files import MISSING, read_table, write_table
from faceattr.tables.inference import tasks_from_predictions
from faceattr.tables.schema import check_ids, pred_column, prediction_columns, prob_column
from faceattr.tables.shard import Shard
from faceattr.tables.shards import MergedShards, merge_shards, write_shard

__all__ = [
    "MISSING",
    "MergedShards",
    "Shard",
    "check_ids",
    "merge_shards",
    "pred_column",
    "prediction_columns",
    "prob_column",
    "read_table",
    "tasks_from_predictions",
    "write_shard",
    "write_table",
]
