"""What the emulated Stripe account remembers: its objects, its clock and its events."""
