from asyncio_core.log import logger as logger
