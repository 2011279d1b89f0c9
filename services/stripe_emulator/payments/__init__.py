"""Changes sessions, charges, refunds and disputes, and emits their events."""
