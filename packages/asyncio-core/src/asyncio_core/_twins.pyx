# cython: language_level=3
"""The compiled forms of asyncio_core's classes."""

# The layout of what this module shares with other distributions.
FORMAT = 1
