"""Metrics, spans and log lines of all services."""
