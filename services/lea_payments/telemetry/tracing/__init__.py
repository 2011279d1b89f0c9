"""Exports traces as the environment variables of OpenTelemetry say."""
