"""Audits: what is wrong with a data set, most serious first, and what mends it."""

from __future__ import annotations

from faceattr.data.audit.audit import Audit

__all__ = ["Audit"]
