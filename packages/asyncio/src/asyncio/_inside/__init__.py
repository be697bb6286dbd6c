"""Seeing inside another process: what stands behind `ps`, `pstree`, `top` and `trace` of `python -m asyncio`."""
