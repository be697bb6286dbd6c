"""Functions that tools know by the name of their file and their own: (asyncio/base_events.py, subprocess_exec).

Tools that refuse blocking calls in coroutines, blockbuster for one, let pass those that the event loop makes
itself. They find them by walking up the frames: the file's name has to end as the standard asyncio's
does, and the function has to have its name. The few calls of this kind are made through the functions
here. Their files are what they are called, so that tracebacks, debuggers and coverage find the lines.
"""
