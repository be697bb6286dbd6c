/* The system's calls for reading and writing, each by way of a pointer: while somebody records them, those lead to what
   notes them. So nobody has to ask whether that is so. */

#ifndef ASYNCIO_SELECTORS_NOTING_H
#define ASYNCIO_SELECTORS_NOTING_H

#include <Python.h>
#include <errno.h>

#include "interface.h"

#ifndef _WIN32
#include <sys/socket.h>
#include <unistd.h>

typedef ssize_t (*ReceivesFrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
typedef ssize_t (*SendsTo)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

typedef struct {
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*recv)(int, void *, size_t, int);
    ssize_t (*send)(int, const void *, size_t, int);
    ssize_t (*sendmsg)(int, const struct msghdr *, int);
    ReceivesFrom recvfrom;
    SendsTo sendto;
#ifdef __linux__
    int (*accept4)(int, struct sockaddr *, socklen_t *, int);
    int (*recvmmsg)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
#endif
} SystemCalls;

/* Some C libraries declare the addresses in ways of their own, which are passed on in the same way. */
#ifdef __linux__
#define SYSTEM_CALLS                                                                                                          \
    {                                                                                                                         \
        read, write, recv, send, sendmsg, (ReceivesFrom)recvfrom, (SendsTo)sendto,                                            \
            (int (*)(int, struct sockaddr *, socklen_t *, int))accept4,                                                       \
            (int (*)(int, struct mmsghdr *, unsigned int, int, struct timespec *))recvmmsg                                    \
    }
#else
#define SYSTEM_CALLS {read, write, recv, send, sendmsg, (ReceivesFrom)recvfrom, (SendsTo)sendto}
#endif

static const SystemCalls system_calls = SYSTEM_CALLS;
static SystemCalls calls = SYSTEM_CALLS;
static const AsyncioCallNoter *noter = NULL;

/* Note a call that has ended with errno, which stays as it is. Some are made while other threads run. */
static void note(int call, int fd, Py_ssize_t bytes, long long begun) {
    int number = errno, here = PyGILState_Check();
    PyGILState_STATE state = PyGILState_UNLOCKED;
    if (!here) state = PyGILState_Ensure();
    if (noter != NULL) noter->note(call, fd, bytes, begun);
    if (!here) PyGILState_Release(state);
    errno = number;
}

static long long moment(void) {
    const AsyncioCallNoter *now = noter;
    return now == NULL ? 0 : now->moment();
}

#define NOTED(call, fd, bytes, result)                                                                                        \
    long long begun = moment();                                                                                               \
    ssize_t done = (result);                                                                                                  \
    note(call, fd, done < 0 ? -1 : (bytes), begun);                                                                           \
    return done

static ssize_t noted_read(int fd, void *room, size_t size) {
    NOTED(ASYNCIO_READ, fd, done, system_calls.read(fd, room, size));
}
static ssize_t noted_write(int fd, const void *data, size_t size) {
    NOTED(ASYNCIO_WRITE, fd, done, system_calls.write(fd, data, size));
}
static ssize_t noted_recv(int fd, void *room, size_t size, int flags) {
    NOTED(ASYNCIO_RECV, fd, done, system_calls.recv(fd, room, size, flags));
}
static ssize_t noted_send(int fd, const void *data, size_t size, int flags) {
    NOTED(ASYNCIO_SEND, fd, done, system_calls.send(fd, data, size, flags));
}
static ssize_t noted_sendmsg(int fd, const struct msghdr *message, int flags) {
    NOTED(ASYNCIO_SENDMSG, fd, done, system_calls.sendmsg(fd, message, flags));
}
static ssize_t noted_recvfrom(int fd, void *room, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
    NOTED(ASYNCIO_RECVFROM, fd, done, system_calls.recvfrom(fd, room, size, flags, from, length));
}
static ssize_t noted_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    NOTED(ASYNCIO_SENDTO, fd, done, system_calls.sendto(fd, data, size, flags, to, length));
}

#ifdef __linux__
static int noted_accept4(int fd, struct sockaddr *from, socklen_t *length, int flags) {
    NOTED(ASYNCIO_ACCEPT, fd, 0, system_calls.accept4(fd, from, length, flags));
}

static Py_ssize_t bytes_of(const struct mmsghdr *messages, ssize_t count) {
    Py_ssize_t total = 0;
    ssize_t n;
    for (n = 0; n < count; n++) total += messages[n].msg_len;
    return total;
}
static int noted_recvmmsg(int fd, struct mmsghdr *messages, unsigned int most, int flags, struct timespec *limit) {
    NOTED(ASYNCIO_RECVMMSG, fd, bytes_of(messages, done), system_calls.recvmmsg(fd, messages, most, flags, limit));
}
#endif

static const SystemCalls noted_calls = {
    noted_read, noted_write, noted_recv, noted_send, noted_sendmsg, noted_recvfrom, noted_sendto,
#ifdef __linux__
    noted_accept4, noted_recvmmsg,
#endif
};

/* Who notes calls from now on; NULL: nobody. */
static void note_calls_for(const AsyncioCallNoter *who) {
    noter = who;
    calls = who == NULL ? system_calls : noted_calls;
}

/* Whether a function is another one than that of the system's module, and no more than what notes its calls. */
static int is_noted(PyObject *function, PyObject *own) { return noter != NULL && noter->stands_for(function, own); }
#else
/* Nothing in here is called there. */
static struct {
    Py_ssize_t (*read)(int, void *, size_t);
    Py_ssize_t (*write)(int, const void *, size_t);
    Py_ssize_t (*recv)(int, void *, size_t, int);
    Py_ssize_t (*send)(int, const void *, size_t, int);
} calls;
static void note_calls_for(const AsyncioCallNoter *who) {}
static int is_noted(PyObject *function, PyObject *own) { return 0; }
#endif

#endif
