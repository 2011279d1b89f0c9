"""Calls DynamoDB's BatchExecuteStatement with an HTTP client of its own."""
