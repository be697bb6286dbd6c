#!/bin/sh
# Cython 3.3.1: an extension class with @cython.freelist and __del__ calls __del__ for the first object that had a
# piece of memory, and for none of those that get the same memory afterwards.
#
# Seen (CPython 3.11.7, Linux): of three objects made and dropped one after the other, the first is finalized. The
# collector's mark "has been finalized" stands in front of the object. What goes to the free list keeps the mark, and
# what is taken from it starts with it, so the interpreter takes its finalizer for one that has been called. Without
# the decorator, or where the class holds no Python object and so is none of the collector's, all three are finalized.
# CPython's own free lists are for classes without finalizers. https://docs.python.org/3/c-api/gcsupport.html
#
# Runs without this project, on a Python 3.11 or newer with pip, its headers and a C compiler (PYTHON says which).
# Exits 0 while it is so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
python=$folder/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check cython==3.3.1 setuptools==80.9.0
cd "$folder"
for kind in kept fresh; do
    {
        echo "cimport cython"
        echo "told = []"
        if [ $kind = kept ]; then echo "@cython.freelist(8)"; fi
        cat << CLASS
cdef class Thing:
    cdef public object name
    def __init__(self, name):
        self.name = name
    def __del__(self):
        told.append(self.name)
CLASS
    } > $kind.pyx
done
venv/bin/cythonize -q -i kept.pyx fresh.pyx > build.log 2>&1 || { cat build.log; exit 1; }
cat > look.py << 'PROGRAM'
import platform

import fresh
import kept

for module in (kept, fresh):
    for name in ("first", "second", "third"):
        thing = module.Thing(name)
        del thing
print("Python", platform.python_version(), "with a free list:", kept.told, "without:", fresh.told)
assert fresh.told == ["first", "second", "third"], "without a free list not all were finalized"
assert kept.told == ["first"], "with a free list more than the first were finalized: this has changed"
PROGRAM
"$python" look.py
