"""Metrics, traces and log lines of everything that happens."""
