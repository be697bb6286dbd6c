/* What comes in: from a transport to its protocol's reader, and to the task that waits there. */

#ifndef ASYNCIO_STREAMS_FEEDING_H
#define ASYNCIO_STREAMS_FEEDING_H

#include <Python.h>

#include "buffer.h"
#include "interface.h"

static const AsyncioCore *core = NULL;

static Watched reading, feeding, asking, lining, receiving, writing, draining;

/* Do what feed_data() does; 0: it is not as usual, feed_data() itself has to. */
static int feed(PyObject *reader, const char *data, Py_ssize_t count) {
    PyObject *buffer = SLOT(reader, in_reader.buffer), *waiter = SLOT(reader, in_reader.waiter);
    Py_ssize_t size, limit = size_in(SLOT(reader, in_reader.limit));
    int wakes = 0;
    char *place;
    if (buffer == NULL || !PyByteArray_CheckExact(buffer) || is_shared(buffer)) return 0;
    if (SLOT(reader, in_reader.eof) != Py_False || waiter == NULL || limit < 0) return 0;
    if (count == 0) return 1;
    size = SIZE_OF(buffer);
    if (waiter != Py_None) {
        Py_ssize_t wanted = size_in(SLOT(reader, in_reader.wanted));
        if (wanted < 0) return 0;
        wakes = size + count >= wanted;
        if (wakes && core->state(waiter) != ASYNCIO_PENDING) return 0;
    }
    if ((wakes || waiter == Py_None) && (size + count) / 2 >= limit && SLOT(reader, in_reader.paused) != Py_True &&
        SLOT(reader, in_reader.transport) != Py_None)
        return 0;
    place = lengthen(buffer, count);
    if (place == NULL) return -1;
    memcpy(place, data, (size_t)count);
    if (!wakes) return 1;
    Py_INCREF(waiter);
    set_slot(reader, in_reader.waiter, Py_None);
    size = core->finish(waiter, Py_None);
    Py_DECREF(waiter);
    return size < 0 ? -1 : 1;
}

static int feed_object(PyObject *reader, PyObject *data) {
    if (PyBytes_CheckExact(data)) return feed(reader, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    if (PyByteArray_CheckExact(data) && data != SLOT(reader, in_reader.buffer))
        return feed(reader, PyByteArray_AS_STRING(data), PyByteArray_GET_SIZE(data));
    return 0;
}

static PyObject *feed_data(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    int fed;
    if (count != 2 || !is_plain(&feeding, args[0])) return NULL;
    fed = feed_object(args[0], args[1]);
    return fed > 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *data_received(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *reader;
    int fed;
    if (count != 2 || !is_plain(&receiving, args[0])) return NULL;
    reader = SLOT(args[0], in_protocol.reader);
    if (reader == NULL || !is_plain(&feeding, reader)) return NULL;
    fed = feed_object(reader, args[1]);
    return fed > 0 ? Py_NewRef(Py_None) : NULL;
}

/* A transport receives into memory that belongs to the thread, as loops in several threads may do so at once; from
   there it is copied, once and no more than came. It goes away with the thread's state in the interpreter. As much as
   transports ask for without. */
#define ROOM 262144
#if defined(_MSC_VER)
#define STREAMS_PER_THREAD __declspec(thread)
#else
#define STREAMS_PER_THREAD __thread
#endif
static STREAMS_PER_THREAD struct {
    uint64_t thread;
    char *bytes;
} scratch;

static char *room_of_thread(void) {
    uint64_t thread = PyThreadState_GetID(PyThreadState_Get());
    if (scratch.thread != thread) {
        PyObject *kept, *names = PyThreadState_GetDict();
        if (names == NULL) return NULL;
        kept = PyByteArray_FromStringAndSize(NULL, ROOM);
        if (kept == NULL || PyDict_SetItemString(names, "asyncio_streams: received", kept) < 0) {
            Py_XDECREF(kept);
            return NULL;
        }
        Py_DECREF(kept);
        scratch.bytes = PyByteArray_AS_STRING(kept);
        scratch.thread = thread;
    }
    return scratch.bytes;
}

static char *room(PyObject *protocol, Py_ssize_t *size) {
    PyObject *reader;
    if (!is_plain(&receiving, protocol)) return NULL;
    reader = SLOT(protocol, in_protocol.reader);
    if (reader == NULL || !is_plain(&feeding, reader) || SLOT(reader, in_reader.eof) != Py_False) return NULL;
    *size = ROOM;
    return room_of_thread();
}

static int received(PyObject *protocol, Py_ssize_t count) {
    PyObject *data, *result, *reader = SLOT(protocol, in_protocol.reader);
    if (count == 0) return 0;
    if (reader != NULL && is_plain(&receiving, protocol) && is_plain(&feeding, reader)) {
        int fed = feed(reader, scratch.bytes, count);
        if (fed) return fed < 0 ? -1 : 0;
    }
    data = PyBytes_FromStringAndSize(scratch.bytes, count);
    if (data == NULL) return -1;
    result = PyObject_CallMethod(protocol, "data_received", "N", data);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static const AsyncioReceiver receiver = {"data_received", room, received};

#endif
