/* Sending several pieces in one call, and without joining them. */

#ifndef ASYNCIO_SELECTORS_PIECES_H
#define ASYNCIO_SELECTORS_PIECES_H

#include "system.h"

#ifndef _WIN32
#include <sys/uio.h>
#endif

#ifndef _WIN32
/* Send parts in one call; the number of bytes, or -1 with errno. */
static ssize_t send_parts(int fd, struct iovec *parts, size_t count) {
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = parts;
    message.msg_iovlen = count;
    return calls.sendmsg(fd, &message, MSG_DONTWAIT);
}
#endif

/* POSIX promises 16. */
#define MOST_PIECES 16

/* How many bytes there are in pieces that can be sent so: a list or tuple of few bytes objects. -1: of others. */
static Py_ssize_t size_of_pieces(PyObject *pieces) {
    Py_ssize_t n, total = 0, count;
    PyObject **items;
    if (!PyList_CheckExact(pieces) && !PyTuple_CheckExact(pieces)) return -1;
    count = PySequence_Fast_GET_SIZE(pieces);
    items = PySequence_Fast_ITEMS(pieces);
    if (count > MOST_PIECES) return -1;
    for (n = 0; n < count; n++) {
        if (!PyBytes_CheckExact(items[n]) || PyBytes_GET_SIZE(items[n]) > PY_SSIZE_T_MAX - total) return -1;
        total += PyBytes_GET_SIZE(items[n]);
    }
    return total;
}

/* Send those that have been counted; the number of bytes, or -1 with errno. The GIL is held, so the list stays as it is. */
static ssize_t send_pieces(int fd, PyObject *pieces) {
#ifdef _WIN32
    return -1;
#else
    struct iovec parts[MOST_PIECES];
    Py_ssize_t n, count = PySequence_Fast_GET_SIZE(pieces);
    PyObject **items = PySequence_Fast_ITEMS(pieces);
    for (n = 0; n < count; n++) {
        parts[n].iov_base = PyBytes_AS_STRING(items[n]);
        parts[n].iov_len = (size_t)PyBytes_GET_SIZE(items[n]);
    }
    return send_parts(fd, parts, (size_t)count);
#endif
}

#endif
