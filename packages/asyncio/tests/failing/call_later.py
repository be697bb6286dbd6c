import asyncio


def failing(number):
    loop.call_soon(loop.stop)
    raise ValueError(number)


loop = asyncio.new_event_loop()
loop.call_later(0.001, failing, 1)
loop.run_forever()
loop.close()
