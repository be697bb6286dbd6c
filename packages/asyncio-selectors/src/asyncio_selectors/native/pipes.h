/* Reads and writes of pipes. They do not block, but for who shares the file and has it block again: then other threads are
   to go on, where there are some. */

#ifndef ASYNCIO_SELECTORS_PIPES_H
#define ASYNCIO_SELECTORS_PIPES_H

#include "system.h"
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

static Py_ssize_t read_into(int fd, void *room, size_t size) { return (Py_ssize_t)calls.read(fd, room, size); }

/* Read up to so many bytes. NULL with `*failed` set to errno, or without it and with an exception. */
static PyObject *read_bytes(int fd, Py_ssize_t size, int alone, int *failed) {
    PyObject *data = PyBytes_FromStringAndSize(NULL, size);
    Py_ssize_t count;
    *failed = 0;
    if (data == NULL) return NULL;
    if (alone) {
        count = read_into(fd, PyBytes_AS_STRING(data), (size_t)size);
        *failed = count < 0 ? errno : 0;
    } else {
        PyThreadState *state = PyEval_SaveThread();
        count = read_into(fd, PyBytes_AS_STRING(data), (size_t)size);
        *failed = count < 0 ? errno : 0;
        PyEval_RestoreThread(state);
    }
    if (count < 0) {
        Py_DECREF(data);
        return NULL;
    }
    if (count < size) _PyBytes_Resize(&data, count);
    return data;
}

static Py_ssize_t write_bytes(int fd, const void *bytes, size_t size, int alone) {
    Py_ssize_t count;
    if (alone) {
        count = (Py_ssize_t)calls.write(fd, bytes, size);
    } else {
        int failed;
        PyThreadState *state = PyEval_SaveThread();
        count = (Py_ssize_t)calls.write(fd, bytes, size);
        failed = errno;
        PyEval_RestoreThread(state);
        errno = failed;
    }
    return count;
}

#endif
