import asyncio


def failing(number):
    loop.call_soon(loop.stop)
    raise ValueError(number)


loop = asyncio.new_event_loop()
loop.call_soon_threadsafe(failing, 1)
loop.run_forever()
loop.close()
