"""Signs and delivers events to webhook endpoints."""
