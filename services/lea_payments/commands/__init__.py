"""The commands that a person runs: show, replay and check."""
