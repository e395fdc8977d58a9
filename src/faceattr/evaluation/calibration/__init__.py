"""Calibration fitted and shown: from a predictions table, whoever made it."""
