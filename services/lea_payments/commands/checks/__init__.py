"""The checks that `lea-payments check` runs."""
