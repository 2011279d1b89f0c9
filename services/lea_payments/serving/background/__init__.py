"""What runs beside the requests of a service."""
