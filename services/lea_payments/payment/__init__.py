"""The payment as a domain object: its record, its events, the rules of its status, and money."""
