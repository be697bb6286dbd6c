"""Run `mypy --strict` over every package and the tools: `python tools/check_types.py [MYPY OPTIONS …]`.

Each package is checked for the oldest and the newest Python, since branches on `sys.version_info` exist for one or the other
only. The packages are checked from their sources; nothing of them needs to be installed.
"""

from __future__ import annotations

import os
import subprocess
import sys

from workspace.console import say
from workspace.paths import PACKAGES, ROOT, TEST_SUPPORT, TOOLS

VERSIONS = ("3.11", "3.15")


def targets() -> list[tuple[str, list[str], dict[str, str]]]:
    """Return (title, paths, environment variables) for each run of mypy."""
    found: list[tuple[str, list[str], dict[str, str]]] = []
    for folder in sorted(PACKAGES.iterdir()):
        if not (folder / "src").is_dir():
            continue
        # The umbrella is on the path in its own run only: everywhere else `import asyncio` means
        # typeshed's stubs, as it does for users.
        own = {"MYPYPATH": str(folder / "src")} if folder.name == "asyncio" else {}
        found.append((folder.name, [str(folder / "src")], own))
        if (folder / "hatch_build.py").is_file():
            found.append((f"{folder.name}/hatch_build.py", [str(folder / "hatch_build.py")], {}))
    # Scripts find what stands beside them as top-level modules.
    tools = [
        TOOLS / name for name in ("conformance", "demo/programs", "stubtest", "fuzz", "campaign")
    ]
    found += [(f"tools/{path.name}", [str(path)], {"MYPYPATH": str(path)}) for path in tools]
    found += [(f"tools/{name}", [str(TOOLS / name)], {}) for name in ("bench", "docs")]
    scripts = [str(path) for path in sorted(TOOLS.glob("*.py"))]
    windows_tools = map(str, sorted((TOOLS / "windows").glob("*.py")))
    runner = {"MYPYPATH": str(tools[0])}
    found.append(("tools", [*scripts, str(TOOLS / "workspace"), *windows_tools], runner))
    windows = TOOLS / "windows"
    found += [
        (f"tools/windows/{part}", [str(windows / part)], {"MYPYPATH": str(windows / part)})
        for part in ("plugin", "programs")
    ]
    kit = TOOLS / "loop_kit" / "src"
    found.append(("tools/loop_kit", [str(kit)], {"MYPYPATH": str(kit)}))
    support = TEST_SUPPORT / "src"
    found.append(("tools/test_support", [str(support)], {"MYPYPATH": str(support)}))
    found.append(("tools/demo", [str(TOOLS / "demo" / "__main__.py")], {}))
    found.append(
        ("tests-integration", [str(ROOT / "tests-integration")], {"MYPYPATH": str(tools[0])})
    )
    return found


def main(options: list[str]) -> int:
    failed = []
    for version in VERSIONS:
        for title, paths, variables in targets():
            say(f"--> mypy --strict: {title} for Python {version}")
            command = [sys.executable, "-m", "mypy", "--strict", "--python-version", version]
            env = {**os.environ, **variables}
            if subprocess.run([*command, *options, *paths], cwd=ROOT, env=env).returncode:
                failed.append(f"{title} ({version})")
    if failed:
        say(f"types are wrong in: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
