"""The command line's way to run a command and to print its result."""
