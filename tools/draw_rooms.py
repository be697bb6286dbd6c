"""The picture in the README of who imports whom: the pieces, and the rooms of asyncio_core.

Run by ``python3 tools/dev.py rooms``, which writes it, and with ``--check`` by ``lint``. An arrow that a longer way implies
is not drawn; imports for types only are left aside, those inside functions count.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import grimp
import networkx

README = Path(__file__).parent.parent / "README.md"
CORE = "asyncio_core"
PIECES = (
    "asyncio_iocp",
    "asyncio_selectors",
    "asyncio_streams",
    "asyncio_subprocess",
    "asyncio_sync",
)
GROUND = "ground floor"
BEGIN = "<!-- picture: rooms (written by `python3 tools/dev.py rooms`) -->\n"
END = "<!-- end -->\n"


def home(module: str, rooms: set[str]) -> str:
    """Return the box in which a module is drawn."""
    top, *inner = module.split(".")
    if top != CORE:
        return top
    return inner[0] if inner and inner[0] in rooms else GROUND


def arrows() -> tuple[networkx.DiGraph[str], set[str]]:
    """Return what imports what, and which boxes are rooms of the core."""
    imports = grimp.build_graph(CORE, *PIECES, exclude_type_checking_imports=True)
    rooms = {
        child.rpartition(".")[2]
        for child in imports.find_children(CORE)
        if imports.find_children(child) and not child.endswith(".seen_as")
    }
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for module in imports.modules - {CORE}:
        for imported in imports.find_modules_directly_imported_by(module) - {CORE}:
            boxes = home(module, rooms), home(imported, rooms)
            if boxes[0] != boxes[1]:
                graph.add_edge(*boxes)
    return graph, rooms


def picture() -> str:
    """Return the picture as a Mermaid diagram; raises ValueError where there is a circle."""
    graph, rooms = arrows()
    if not networkx.is_directed_acyclic_graph(graph):
        raise ValueError(f"these import each other: {networkx.find_cycle(graph)}")
    names = {box: box.replace(" ", "_") for box in graph}
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"    {names[box]}[{box}]" for box in sorted(graph.nodes - rooms - {GROUND})]
    lines += ["    subgraph asyncio_core"]
    lines += [f"        {names[box]}[{box}]" for box in sorted(rooms)]
    lines += [f'        {names[GROUND]}["exceptions, constants, log, …"]', "    end"]
    least = networkx.transitive_reduction(graph)
    lines += [f"    {names[one]} --> {names[other]}" for one, other in sorted(least.edges)]
    return "\n".join([*lines, "```", ""])


def main() -> int:
    """Write the picture into the README, or tell whether it is the one that stands there."""
    parser = argparse.ArgumentParser(prog="tools/dev.py rooms", description="draw who imports whom")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail where it is another"
    )
    options = parser.parse_args()
    text = README.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    drawn = before + BEGIN + picture() + END + rest.partition(END)[2]
    if not options.check:
        README.write_text(drawn, "utf-8")
    elif drawn != text:
        print("README.md: who imports whom has changed: run `python3 tools/dev.py rooms`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
