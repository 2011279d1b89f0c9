"""The commands for people: show, replay and check."""
