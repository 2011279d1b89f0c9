"""What each service measures, traces and logs, one module for each."""
