"""Tests of the dashboards and rules. A package, so that its Prometheus ends with its last test."""
