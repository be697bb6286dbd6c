#!/bin/sh
# Cython 3.3.1: an attribute called __qualname__ of an extension class is an internal compiler error.
#
# Seen: `cdef readonly object __qualname__` in a cdef class, with which an object of that class would show the name of
# what it stands for, as functions and coroutines do, ends the compiler with InternalError and the compiler's own
# traceback ("Previous declaration is here"), where a message about a name that is taken was to be expected. The same
# attribute under another name compiles, and a property called __qualname__ does, too.
#
# Runs without this project, on a Python 3.11 or newer with pip (PYTHON says which). Exits 0 while it is so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check cython==3.3.1
cd "$folder"
printf 'cdef class Named:\n    cdef readonly object full_name\n' > another.pyx
printf 'cdef class Named:\n    cdef object full_name\n    @property\n    def __qualname__(self):\n        return self.full_name\n' > asked.pyx
printf 'cdef class Named:\n    cdef readonly object __qualname__\n' > kept.pyx
for name in another asked; do
  venv/bin/python -m cython -3 $name.pyx 2> said || { echo "this has changed: $name"; cat said; exit 1; }
  echo "$name: compiles"
done
if venv/bin/python -m cython -3 kept.pyx 2> said; then echo "this has changed: it compiles"; exit 1; fi
grep InternalError said | tail -1
