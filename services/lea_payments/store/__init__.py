"""Payment records in DynamoDB."""
