"""The page of an evaluation: tables, figures, and the faces behind them."""

from faceattr.evaluation.page.page import PageSettings, write_page

__all__ = ["PageSettings", "write_page"]
