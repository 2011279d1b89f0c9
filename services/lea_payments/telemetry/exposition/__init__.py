"""Exposes the metrics of a service to Prometheus."""
