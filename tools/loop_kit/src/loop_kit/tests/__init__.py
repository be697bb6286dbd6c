"""The tests, one file to a topic."""
