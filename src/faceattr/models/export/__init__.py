"""Models outside of Python: writing them as files, checking what was written, running them."""
