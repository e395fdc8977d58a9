"""``python -m faceattr`` is the command ``faceattr``."""

from __future__ import annotations

import sys

from faceattr.cli import main

if __name__ == "__main__":
    sys.exit(main())
