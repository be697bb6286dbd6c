"""Print, for each public class and function of asyncio, where it says that it is from; run by test_shown_names.py."""

import asyncio
import inspect
import warnings

warnings.simplefilter("ignore")
MORE = {
    "base_events": ("_SendfileFallbackProtocol",),
    "base_subprocess": ("BaseSubprocessTransport", "ReadSubprocessPipeProto"),
    "events": ("BaseDefaultEventLoopPolicy",),
    "mixins": ("_LoopBoundMixin",),
    "selector_events": ("_SelectorDatagramTransport", "_SelectorSocketTransport"),
    "sslproto": ("SSLProtocol", "SSLProtocolState", "_SSLProtocolTransport"),
    "streams": ("FlowControlMixin",),
    "subprocess": ("Process", "SubprocessStreamProtocol"),
    "tasks": ("_GatheringFuture",),
    "trsock": ("TransportSocket",),
    "unix_events": (
        "_UnixReadPipeTransport",
        "_UnixSubprocessTransport",
        "_UnixWritePipeTransport",
    ),
}
loop = asyncio.new_event_loop()
loop.close()
found = {name: getattr(asyncio, name) for name in asyncio.__all__}
for home, names in MORE.items():
    for name in names:
        found[f"{home}.{name}"] = getattr(getattr(asyncio, home), name, None)
for name, made in sorted(found.items()):
    if inspect.isclass(made) or inspect.isroutine(made):
        print(name, made.__module__, made.__qualname__)
