from asyncio_selectors.selector_events import *
