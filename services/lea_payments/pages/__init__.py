"""The service with the customer's success and cancel pages."""
