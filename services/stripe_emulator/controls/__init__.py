"""Serves the emulator's own controls under `/_…`, which Stripe does not have."""
