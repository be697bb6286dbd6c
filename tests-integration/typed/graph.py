"""The call graph."""

import asyncio
import io
import sys


def capturing(task: asyncio.Task[int], future: asyncio.Future[str]) -> None:
    reveal_type(asyncio.capture_call_graph())
    reveal_type(asyncio.capture_call_graph(depth=2, limit=5))
    reveal_type(asyncio.capture_call_graph(None))
    given = asyncio.capture_call_graph(task)
    reveal_type(given)
    graph = asyncio.capture_call_graph()
    if graph is not None:
        reveal_type(graph)
        reveal_type(graph.future)
        reveal_type(graph.call_stack)
        reveal_type(graph.awaited_by)
        reveal_type(graph.call_stack[0].frame)
        graph.future = future  # wrong
    asyncio.capture_call_graph(1)  # wrong
    asyncio.capture_call_graph(future=task)  # wrong


def showing(task: asyncio.Task[int]) -> None:
    reveal_type(asyncio.format_call_graph())
    reveal_type(asyncio.format_call_graph(task, depth=2, limit=None))
    asyncio.print_call_graph()
    asyncio.print_call_graph(task, file=sys.stderr, depth=2, limit=3)
    asyncio.print_call_graph(file=io.StringIO())
    asyncio.print_call_graph(file=io.BytesIO())  # wrong


def its_parts(entry: asyncio.FrameCallGraphEntry, graph: asyncio.FutureCallGraph) -> None:
    reveal_type(entry.frame)
    reveal_type(asyncio.FrameCallGraphEntry(sys._getframe()))  # pyright: ignore[reportPrivateUsage]
    reveal_type(asyncio.FutureCallGraph(graph.future, (entry,), (graph,)))
