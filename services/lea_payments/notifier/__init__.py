"""The service that notifies receivers of changed payments."""
