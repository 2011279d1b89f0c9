"""Dashboards and alert rules as code: what is shown and what wakes somebody up; never part of an image."""
