"""Grafana dashboards and Prometheus rules as code; not part of any image."""
