"""Contract checks for who writes a head, backbone, quality metric or explanation method.

Each check raises `ContractError` with what was expected and found, so that it serves in a test of
any framework::

    from faceattr.testing import check_head
    check_head(MyHead, RegressionTask("age", bounds=(0, 116)))
"""

from __future__ import annotations

from faceattr.testing.contract import ContractError
from faceattr.testing.explanation import check_explanation_method
from faceattr.testing.models import check_backbone, check_head
from faceattr.testing.quality import check_quality_metric

__all__ = [
    "ContractError",
    "check_backbone",
    "check_explanation_method",
    "check_head",
    "check_quality_metric",
]
