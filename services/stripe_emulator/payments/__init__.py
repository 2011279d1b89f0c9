"""What happens to sessions, charges, refunds and disputes, and which events it emits."""
