"""What a payment is: its record, its events, the rules of its status and money. Pure."""
