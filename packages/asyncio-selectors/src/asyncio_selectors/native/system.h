/* The system's calls, without waiting and without objects in between. */

#ifndef ASYNCIO_SELECTORS_SYSTEM_H
#define ASYNCIO_SELECTORS_SYSTEM_H

#include <Python.h>
#include <structmember.h>
#include <errno.h>
#include <math.h>
#include <time.h>

#include "exceptions.h"
#include "noting.h"

#ifdef _WIN32
/* The module says on import that there is nothing in it for Windows. */
#include <winsock2.h>
#define MSG_DONTWAIT 0
#define NOW_OR_NEVER 0
#else
#include <sys/socket.h>
#include <sys/types.h>
#define NOW_OR_NEVER 1
#endif

#ifdef __linux__
#include <sys/epoll.h>
#define HAS_EPOLL 1
#else
#define HAS_EPOLL 0
enum { EPOLLIN = 1, EPOLLOUT = 4 };
struct epoll_event {
    unsigned int events;
    union {
        int fd;
    } data;
};
static int epoll_wait(int epoll, struct epoll_event *events, int most, int milliseconds) {
    errno = ENOSYS;
    return -1;
}
#endif

/* Both CPython's socket and its epoll begin with their descriptor; that is tried out before it is relied on. It is -1
   in an object that is closed, so no descriptor is used that is somebody else's by now. */
typedef struct {
    PyObject_HEAD
    int fd;
} HoldsDescriptor;
#define DESCRIPTOR_OF(object) (((HoldsDescriptor *)(object))->fd)

/* The attribute of an object that has a slot for it; NULL where it is not set. */
#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

#define SET_SLOT(object, offset, value) Py_XSETREF(SLOT(object, offset), Py_NewRef(value))

/* Where instances of a class have their slot of this name; -1 with an exception where there is none. */
static Py_ssize_t offset_of(PyObject *type, PyObject *name) {
    PyObject *member = PyObject_GetAttr(type, name);
    Py_ssize_t offset = -1;
    if (member == NULL) return -1;
    if (Py_IS_TYPE(member, &PyMemberDescr_Type))
        offset = ((PyMemberDescrObject *)member)->d_member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%R has no slot %R", type, name);
    Py_DECREF(member);
    return offset;
}

/* Give a class of Python a method of C. */
static int give_method(PyObject *type, PyMethodDef *definition) {
    PyObject *method = PyDescr_NewMethod((PyTypeObject *)type, definition);
    int status = method == NULL ? -1 : PyObject_SetAttrString(type, definition->ml_name, method);
    Py_XDECREF(method);
    return status;
}

/* Reads up to this size come here first. Larger ones, of connections that have filled such reads, come into a bytes object
   of their own: copying that much takes longer than making the object smaller. */
#define SCRATCH (64 * 1024)
static char scratch[SCRATCH];

/* Receive up to so many bytes. NULL with `*failed` set to errno, or without it and with an exception. The GIL is held: a
   call that does not wait takes less time than giving it away and getting it back, and `scratch` is this thread's. */
static PyObject *receive(int fd, Py_ssize_t size, int *failed) {
    PyObject *data;
    ssize_t count;
    *failed = 0;
    if (size <= SCRATCH) {
        count = calls.recv(fd, scratch, (size_t)size, MSG_DONTWAIT);
        if (count >= 0) return PyBytes_FromStringAndSize(scratch, count);
        *failed = errno;
        return NULL;
    }
    data = PyBytes_FromStringAndSize(NULL, size);
    if (data == NULL) return NULL;
    count = calls.recv(fd, PyBytes_AS_STRING(data), (size_t)size, MSG_DONTWAIT);
    if (count < 0) {
        *failed = errno;
        Py_DECREF(data);
        return NULL;
    }
    if (count < size) _PyBytes_Resize(&data, count);
    return data;
}

static int is_all_zero(const char *bytes, Py_ssize_t count) {
    while (count > 0 && bytes[count - 1] == 0) count--;
    return count == 0;
}

static int is_not_now(int number) { return number == EAGAIN || number == EWOULDBLOCK || number == EINTR; }

/* The exception for an error of the system's; NULL with another exception. */
static PyObject *error_of(int number) {
    errno = number;
    PyErr_SetFromErrno(PyExc_OSError);
    return caught();
}

/* Whole milliseconds, none too few; -1 for no limit. What is less than a nanosecond over is no reason for one more. */
static int milliseconds_of(double seconds) {
    double whole;
    if (seconds < 0) return -1;
    whole = ceil(seconds * 1e3 - 1e-6);
    return whole < 0 ? 0 : whole > 2147483647.0 ? 2147483647 : (int)whole;
}

static double clock_seconds(void) {
#ifdef _WIN32
    return 0;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
#endif
}

#define MOST_EVENTS 1024

/* Wait for events; their number, or -1 with an exception. Signal handlers of Python's run in between. */
static int wait_for_events(int epoll, struct epoll_event *events, Py_ssize_t most, double seconds, int alone) {
    int milliseconds = milliseconds_of(seconds), count;
    double end = milliseconds > 0 ? clock_seconds() + seconds : 0;
    if (most < 1) most = 1;
    if (most > MOST_EVENTS) most = MOST_EVENTS;
    for (;;) {
        if (milliseconds == 0 && alone) {
            count = epoll_wait(epoll, events, (int)most, 0);
        } else {
            PyThreadState *state = PyEval_SaveThread();
            count = epoll_wait(epoll, events, (int)most, milliseconds);
            PyEval_RestoreThread(state);
        }
        if (count >= 0) return count;
        if (errno != EINTR) {
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        if (PyErr_CheckSignals() < 0) return -1;
        if (milliseconds > 0) milliseconds = milliseconds_of(fmax(end - clock_seconds(), 0));
    }
}

#endif
