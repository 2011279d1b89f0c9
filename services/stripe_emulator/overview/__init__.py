"""Serves the page `/`, which shows the state of the emulator."""
