/* A reader's buffer: a bytearray, which others may look at and delete from. */

#ifndef ASYNCIO_STREAMS_BUFFER_H
#define ASYNCIO_STREAMS_BUFFER_H

#include <Python.h>
#include <string.h>

#include "slots.h"

/* An empty buffer keeps so much memory for what comes next. */
#define KEPT_EMPTY 1024
/* What is worth a call to spare the copy. */
#define MUCH 8192

#define BYTES_OF(buffer) ((PyByteArrayObject *)(buffer))
#define SIZE_OF(buffer) Py_SIZE(buffer)

static inline int is_shared(PyObject *buffer) {
    return BYTES_OF(buffer)->ob_exports != 0;
}

/* Make a buffer longer by `count` bytes, and return where they are to be put. */
static inline char *lengthen(PyObject *buffer, Py_ssize_t count) {
    PyByteArrayObject *bytes = BYTES_OF(buffer);
    Py_ssize_t size = Py_SIZE(bytes);
    if (bytes->ob_exports == 0 && size + count < bytes->ob_alloc - (bytes->ob_start - bytes->ob_bytes)) {
        Py_SET_SIZE(bytes, size + count);
        bytes->ob_start[size + count] = 0;
    } else if (PyByteArray_Resize(buffer, size + count) < 0) {
        return NULL;
    }
    return PyByteArray_AS_STRING(buffer) + size;
}

/* Take the first bytes off a buffer that nobody else looks into, as bytes. */
static PyObject *take_first(PyObject *buffer, Py_ssize_t count) {
    PyByteArrayObject *bytes = BYTES_OF(buffer);
    PyObject *data;
#if PY_VERSION_HEX >= 0x030f0000
    /* All of much is given away, not copied. */
    if (count == Py_SIZE(bytes) && count > MUCH) return PyObject_CallMethod(buffer, "take_bytes", NULL);
#endif
    data = PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer), count);
    if (data == NULL || count == 0) return data;
    if (count < Py_SIZE(bytes)) {
        /* As `del buffer[:count]` does. */
        bytes->ob_start += count;
        Py_SET_SIZE(bytes, Py_SIZE(bytes) - count);
#if PY_VERSION_HEX < 0x030f0000
    } else if (bytes->ob_alloc <= KEPT_EMPTY) {
        bytes->ob_start = bytes->ob_bytes;
        Py_SET_SIZE(bytes, 0);
        bytes->ob_start[0] = 0;
#endif
    } else if (PyByteArray_Resize(buffer, 0) < 0) {
        Py_CLEAR(data);
    }
    return data;
}

/* The place of a separator, of a byte or more, that begins at `start` or later and ends by `stop`; -1: there is none. */
static Py_ssize_t place_of(PyObject *buffer, const char *separator, Py_ssize_t length, Py_ssize_t start, Py_ssize_t stop) {
    const char *from = PyByteArray_AS_STRING(buffer), *end = from + stop, *at = from + start;
    while (end - at >= length) {
        at = (const char *)memchr(at, separator[0], (size_t)(end - at - length + 1));
        if (at == NULL) return -1;
        if (length == 1 || memcmp(at + 1, separator + 1, (size_t)length - 1) == 0) return at - from;
        at++;
    }
    return -1;
}

/* Separators as long as this are looked for by the bytearray, which does it in linear time. */
#define LONG_SEPARATOR 16

static int is_short_separator(PyObject *separator) {
    return PyBytes_CheckExact(separator) && PyBytes_GET_SIZE(separator) > 0 &&
           PyBytes_GET_SIZE(separator) <= LONG_SEPARATOR;
}

/* Whether it is one that can be looked for here, or a tuple of such. */
static int are_short_separators(PyObject *separators) {
    Py_ssize_t n;
    if (!PyTuple_CheckExact(separators)) return is_short_separator(separators);
    for (n = 0; n < PyTuple_GET_SIZE(separators); n++)
        if (!is_short_separator(PyTuple_GET_ITEM(separators, n))) return 0;
    return n > 0;
}

/* The place of the separator that ends first, the shortest of several with one end; -1: there is none. `length` is
   its length, or that of the longest. */
static Py_ssize_t first_of(PyObject *buffer, PyObject *separators, Py_ssize_t start, Py_ssize_t *length) {
    Py_ssize_t n, place, size, longest = 0, first = -1, end = SIZE_OF(buffer);
    if (!PyTuple_CheckExact(separators)) {
        *length = PyBytes_GET_SIZE(separators);
        return place_of(buffer, PyBytes_AS_STRING(separators), *length, start, end);
    }
    for (n = 0; n < PyTuple_GET_SIZE(separators); n++) {
        PyObject *separator = PyTuple_GET_ITEM(separators, n);
        size = PyBytes_GET_SIZE(separator);
        place = place_of(buffer, PyBytes_AS_STRING(separator), size, start, end);
        if (place >= 0 && (first < 0 || place + size < end || place > first)) {
            first = place;
            *length = size;
            end = place + size;
        }
        if (size > longest) longest = size;
    }
    if (first < 0) *length = longest;
    return first;
}

/* What comes next for one who reads. */
enum { TAKE, WAIT, TOO_FEW, TOO_FAR, OTHERWISE };
enum { READ, READ_EXACTLY, READ_LINE, READ_UNTIL, NEXT_LINE, DRAIN };

/* Find out whether what a read wants is in the buffer: TAKE that many bytes; WAIT until there are that many. There are
   TOO_FEW, as the stream has ended, or the separator is TOO_FAR behind so many bytes. OTHERWISE, where something is not
   as usual, the reader's own method is to be asked. */
static int look(PyObject *reader, int kind, int is_first, Py_ssize_t number, PyObject *separator, Py_ssize_t *searched,
                Py_ssize_t *count) {
    PyObject *buffer = SLOT(reader, in_reader.buffer), *eof = SLOT(reader, in_reader.eof);
    Py_ssize_t size, limit, place, length = 1;
    if (buffer == NULL || !PyByteArray_CheckExact(buffer) || is_shared(buffer)) return OTHERWISE;
    if (eof != Py_False && eof != Py_True) return OTHERWISE;
    /* It may have failed after this task was woken: what it waited for has come all the same. */
    if (is_first && SLOT(reader, in_reader.exception) != Py_None) return OTHERWISE;
    size = SIZE_OF(buffer);
    if (kind == READ) {
        if (number < 0) {
            *count = eof == Py_True ? size : PY_SSIZE_T_MAX;
            return eof == Py_True ? TAKE : WAIT;
        }
        *count = number == 0 || size || eof == Py_True ? (number < size ? number : size) : 1;
        return number == 0 || size || eof == Py_True ? TAKE : WAIT;
    }
    if (kind == READ_EXACTLY) {
        *count = number;
        return size >= number ? TAKE : eof == Py_True ? TOO_FEW : WAIT;
    }
    limit = size_in(SLOT(reader, in_reader.limit));
    if (limit < 0) return OTHERWISE;
    if (kind == READ_UNTIL)
        place = first_of(buffer, separator, *searched, &length);
    else
        place = place_of(buffer, "\n", 1, *searched, size);
    if (place >= 0) {
        *count = place <= limit ? place + length : place;
        return place <= limit ? TAKE : TOO_FAR;
    }
    /* The separator may have begun in the last bytes. */
    *searched = size + 1 < length ? 0 : size + 1 - length;
    if (*searched > limit) {
        *count = *searched;
        return TOO_FAR;
    }
    if (eof == Py_True) {
        *count = size;
        return kind == READ_UNTIL ? TOO_FEW : TAKE;
    }
    *count = 1;
    return WAIT;
}

#endif
