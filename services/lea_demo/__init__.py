"""The demo: the services on one machine, with a Stripe emulator and DynamoDB Local. Not in the production image."""
