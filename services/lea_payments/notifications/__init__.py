"""The rules of notifications: endpoints, the state of each delivery, and the schedule of retries. Pure."""
