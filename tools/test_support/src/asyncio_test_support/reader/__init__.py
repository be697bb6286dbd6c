"""Random programs of a StreamReader, and a model that says what has to become of them.

`operations` is what a program is made of, `making` makes one out of a seed, `model` says what each operation does,
`performing` does it to a real StreamReader and compares, `shrinking` makes a program smaller that finds a difference,
and prints it as a test. `tools/fuzz` runs them for hours, asyncio-streams' tests some hundred.
"""

from __future__ import annotations
