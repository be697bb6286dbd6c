/* Accepting connections, without waiting and without objects in between. */

#ifndef ASYNCIO_SELECTORS_ACCEPTING_H
#define ASYNCIO_SELECTORS_ACCEPTING_H

#include "addresses.h"
#include "system.h"

#ifdef __linux__
#define ACCEPTS_QUICKLY 1
/* Made non-blocking by the same call; so the type of the socket object has to say. */
#define NONBLOCKING SOCK_NONBLOCK
#else
#define ACCEPTS_QUICKLY 0
#define NONBLOCKING 0
enum { SOCK_CLOEXEC = 0 };
#endif

#ifdef _WIN32
#include <io.h>

static int accept_quickly(int listener) { return -1; }
static PyObject *address_of_accepted(void) { return NULL; }
static int has_known_addresses(long family) { return 0; }
#else
#include <unistd.h>

static union {
    Address internet;
    struct sockaddr_un un;
} accepted_from;
static socklen_t accepted_length;

static int has_known_addresses(long family) { return family == AF_INET || family == AF_INET6 || family == AF_UNIX; }

/* The descriptor of a connection, which does not block and is not inherited; -1 with errno. */
static int accept_quickly(int listener) {
    accepted_length = sizeof accepted_from;
#if ACCEPTS_QUICKLY
    return calls.accept4(listener, &accepted_from.internet.any, &accepted_length, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    errno = ENOSYS;
    return -1;
#endif
}

/* Where the last of them came from. */
static PyObject *address_of_accepted(void) {
    /* macOS and others tell no family for one without a name. */
    if (accepted_length == 0 || accepted_from.internet.any.sa_family == AF_UNIX)
        return name_of_unix_address(&accepted_from.un, accepted_length);
    return tuple_of_address(&accepted_from.internet);
}
#endif

/* A number that an object of C has at a place. */
#define INT_AT(object, offset) (*(int *)((char *)(object) + (offset)))

/* What an object of the system's own class of sockets consists of, as far as it is known. */
typedef struct {
    PyObject_HEAD
    int fd, family, kind, protocol;
    PyObject *(*tell_error)(void);
    int64_t timeout;
} PlainSocket;

/* Whether it does: since Python 3.12 the module's state comes last, which no object owns. */
static int has_plain_parts(PyTypeObject *base, Py_ssize_t family_at, Py_ssize_t kind_at, Py_ssize_t protocol_at) {
    const Py_ssize_t more = base->tp_basicsize - (Py_ssize_t)sizeof(PlainSocket);
    return base->tp_itemsize == 0 && (more == 0 || more == (Py_ssize_t)sizeof(void *)) &&
           family_at == offsetof(PlainSocket, family) && kind_at == offsetof(PlainSocket, kind) &&
           protocol_at == offsetof(PlainSocket, protocol);
}

/* In nanoseconds; negative for none. */
static int64_t timeout_of(PyObject *sock) { return ((PlainSocket *)sock)->timeout; }

/* A socket object over the descriptor of a connection, which is all that it has of its own: the rest is its listener's,
   which does not block either. Its own beginning would ask the system for a name, to learn what is known. */
static PyObject *socket_like(PyObject *listener, PyTypeObject *type, PyTypeObject *base, int fd) {
    const size_t start = offsetof(PlainSocket, fd);
    const PlainSocket *like = (PlainSocket *)listener;
    PyObject *nothing = PyTuple_New(0), *made = nothing == NULL ? NULL : type->tp_new(type, nothing, NULL);
    Py_XDECREF(nothing);
    if (made != NULL && PySys_Audit("socket.__new__", "Oiii", made, like->family, like->kind, like->protocol) < 0)
        Py_CLEAR(made);
    if (made == NULL) return NULL;
    memcpy((char *)made + start, (const char *)listener + start, (size_t)base->tp_basicsize - start);
    DESCRIPTOR_OF(made) = fd;
    return made;
}

/* A socket object of a class over a descriptor, begun by the system's own class only. */
static PyObject *new_socket(PyTypeObject *type, PyTypeObject *base, int family, int kind, int protocol, int fd) {
    PyObject *nothing = PyTuple_New(0), *given = Py_BuildValue("iiii", family, kind, protocol, fd);
    PyObject *made = nothing == NULL || given == NULL ? NULL : type->tp_new(type, nothing, NULL);
    if (made != NULL && base->tp_init(made, given, NULL) < 0) Py_CLEAR(made);
    Py_XDECREF(given);
    Py_XDECREF(nothing);
    return made;
}

#endif
