from __future__ import annotations

from quality_samples import calls, photos

__all__ = ["calls", "photos"]
