"""What the tests of the asyncio distributions share. Private to them: names change whenever the tests do.

The way in is `plugin`, which pytest loads by itself where this is installed; its fixtures hand out what the other
modules hold: `certificates` (an authority, and contexts that trust it), `sockets` (pairs, and what is done to them),
`descriptors` (which are open), `protocols` (that remember), `loops` and `running` (watched for errors), `waking`,
`programs` (fresh interpreters), `workers` (those that answer line by line), `orders` (scenarios under many seeds). `reader` is random programs of a StreamReader, and a model of it.
"""

from __future__ import annotations

__version__ = "1!0.1.0"
