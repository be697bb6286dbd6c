"""The folder that gives the files beside this one their names; see `asyncio_core.seen_as`."""
