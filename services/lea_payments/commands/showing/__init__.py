"""Shows one payment: the answer first, then its money, its timeline and its objects."""
