"""Speaks HTTP/1.1: one connection, its limits, and the limits of all connections together."""
