"""The outbox inside the records: due payments, leases and deliveries."""
