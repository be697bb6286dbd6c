import sys

if sys.platform != "win32":
    from asyncio_selectors.unix_events import EventLoop as EventLoop
    from asyncio_selectors.unix_events import SelectorEventLoop as SelectorEventLoop
    from asyncio_selectors.unix_events import _DefaultEventLoopPolicy as _DefaultEventLoopPolicy
    from asyncio_selectors.unix_events import (
        _UnixDefaultEventLoopPolicy as _UnixDefaultEventLoopPolicy,
    )
    from asyncio_selectors.unix_events import _UnixSelectorEventLoop as _UnixSelectorEventLoop

    if sys.version_info < (3, 14):
        from asyncio_selectors.unix_events import DefaultEventLoopPolicy as DefaultEventLoopPolicy
        from asyncio_subprocess.child_watchers import AbstractChildWatcher as AbstractChildWatcher
        from asyncio_subprocess.child_watchers import FastChildWatcher as FastChildWatcher
        from asyncio_subprocess.child_watchers import MultiLoopChildWatcher as MultiLoopChildWatcher
        from asyncio_subprocess.child_watchers import PidfdChildWatcher as PidfdChildWatcher
        from asyncio_subprocess.child_watchers import SafeChildWatcher as SafeChildWatcher
        from asyncio_subprocess.child_watchers import ThreadedChildWatcher as ThreadedChildWatcher
