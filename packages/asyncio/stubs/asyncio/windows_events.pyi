import sys

if sys.platform == "win32":
    from asyncio_iocp.proactor import IocpProactor as IocpProactor
    from asyncio_iocp.windows_events import EventLoop as EventLoop
    from asyncio_iocp.windows_events import ProactorEventLoop as ProactorEventLoop
    from asyncio_iocp.windows_events import _DefaultEventLoopPolicy as _DefaultEventLoopPolicy
    from asyncio_iocp.windows_events import (
        _WindowsProactorEventLoopPolicy as _WindowsProactorEventLoopPolicy,
    )
    from asyncio_selectors.windows import SelectorEventLoop as SelectorEventLoop
    from asyncio_selectors.windows import (
        _WindowsSelectorEventLoopPolicy as _WindowsSelectorEventLoopPolicy,
    )

    if sys.version_info < (3, 14):
        from asyncio_iocp.windows_events import DefaultEventLoopPolicy as DefaultEventLoopPolicy
        from asyncio_iocp.windows_events import (
            WindowsProactorEventLoopPolicy as WindowsProactorEventLoopPolicy,
        )
        from asyncio_selectors.windows import (
            WindowsSelectorEventLoopPolicy as WindowsSelectorEventLoopPolicy,
        )
