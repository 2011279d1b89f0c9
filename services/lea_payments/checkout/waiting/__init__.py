"""Lets calls wait until their payment changes."""
