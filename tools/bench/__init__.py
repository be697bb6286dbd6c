"""The project's measurements: `python tools/dev.py bench` (`--help` tells which there are, and how long they take).

The way in: `command` reads the words, `sides` says who is measured and `environments` makes a place for each,
`workers` are the processes in those places. A process runs `worker`, which runs one of `cases` with one of `meters`.
By instructions is `counting`, by time `timing`, by memory `memory`; what comes out is kept by `results`, shown by
`tables` and `charts`, and held against an earlier one by `comparing`. `echo` measures servers: a process runs `served`, which
runs one of `servers`, and `native` holds its clients, in C. `idle` is a measurement of its own kind.
"""
