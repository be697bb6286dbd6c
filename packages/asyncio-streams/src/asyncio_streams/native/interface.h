/* What the compiled module of asyncio_core offers to those of other distributions, which carry a copy of this file.

   It is handed over in a capsule. Who finds none, or one with another major number, runs its pure classes. A new
   function comes at the end, and with a higher minor number; whoever needs it asks for that number.

   Where a function says `object`, a borrowed reference goes in and a new one comes out. Where it fails it returns -1 or
   NULL, with an exception set. All are called with the GIL held. */

#ifndef ASYNCIO_CORE_INTERFACE_H
#define ASYNCIO_CORE_INTERFACE_H

#include <Python.h>

#define ASYNCIO_CORE_INTERFACE "asyncio_core._twins.interface"
#define ASYNCIO_CORE_MAJOR 1
#define ASYNCIO_CORE_MINOR 7

/* Waits for so many seconds at most, without a limit where they are negative, and queues what became ready. */
typedef int (*AsyncioPoll)(PyObject *poller, PyObject *loop, double seconds);

/* What was put off until the end of what a loop runs. */
typedef int (*AsyncioAtEnd)(PyObject *loop);

/* Wakes a loop, from whatever thread. */
typedef int (*AsyncioWake)(PyObject *loop);

/* A protocol into whose own memory a transport receives, with no object in between. */
typedef struct {
    /* The method of the protocol's class that this does the work of: with another one in its place this is not called. */
    const char *method;
    /* Where what comes is put, and how many bytes have room there. NULL without an exception: call the method. */
    char *(*room)(PyObject *protocol, Py_ssize_t *size);
    /* So many bytes have come there; 0 where nothing has, or where receiving failed. */
    int (*received)(PyObject *protocol, Py_ssize_t count);
} AsyncioReceiver;

/* A transport that sends from somebody else's memory, with no object in between. */
typedef struct {
    /* The methods of the transport's class that this does the work of: with another one in their place, of the class or of
       the transport itself, it is not called. */
    const char *write;
    const char *is_closing;
    /* Whether nothing waits, and nothing has come to its end: what is written now is sent now. */
    int (*is_free)(PyObject *transport);
    /* Where is_free() says so, send as much as goes out, and keep the rest. */
    int (*send)(PyObject *transport, const char *data, Py_ssize_t size);
} AsyncioSender;

/* The calls of the system's that are noted while somebody records them. */
enum {
    ASYNCIO_ACCEPT,
    ASYNCIO_READ,
    ASYNCIO_RECV,
    ASYNCIO_RECVFROM,
    ASYNCIO_RECVMMSG,
    ASYNCIO_SEND,
    ASYNCIO_SENDMSG,
    ASYNCIO_SENDTO,
    ASYNCIO_WRITE
};

/* Who notes them. */
typedef struct {
    /* Now, in nanoseconds. */
    long long (*moment)(void);
    /* A call has ended that began at a moment, with a number of bytes; a negative one: it has failed. */
    void (*note)(int call, int descriptor, Py_ssize_t bytes, long long begun);
    /* Whether a function stands in the place of another one for being noted, and for nothing else. */
    int (*stands_for)(PyObject *function, PyObject *own);
} AsyncioCallNoter;

enum { ASYNCIO_PENDING, ASYNCIO_CANCELLED, ASYNCIO_FINISHED, ASYNCIO_FAILED };

typedef struct {
    int major;
    int minor;

    /* The classes that the functions below are about, and those derived from them. */
    PyTypeObject *loop_type;
    PyTypeObject *future_type;
    PyTypeObject *handle_type;

    /* Have the loop call a function where its own _poll() would be called; NULL: no longer. */
    int (*set_poll)(PyObject *loop, AsyncioPoll poll, PyObject *poller);
    /* Queue a handle: 1. Where it is cancelled: 0. */
    int (*queue_handle)(PyObject *loop, PyObject *handle);
    /* Whether the loop's thread is the only one that could want the interpreter. */
    int (*is_alone)(void);

    /* A future of a loop, whatever class that loop makes them of. */
    PyObject *(*new_future)(PyObject *loop);
    /* One of the numbers above; -1 without an exception for anything that is not exactly a Future. */
    int (*state)(PyObject *future);
    /* For one who is asked to give out what his task is to wait for: have the task take `future` as that. False for
       anything that is not exactly a Future. */
    int (*offer)(PyObject *future);
    /* Finish a pending future with a result. */
    int (*finish)(PyObject *future, PyObject *result);

    /* Have transports receive into the protocols of exactly this class as these functions say; both are there for good. */
    int (*know_receiver)(PyTypeObject *type, const AsyncioReceiver *receiver);
    /* How a transport receives into this protocol; NULL: by its methods. */
    const AsyncioReceiver *(*receiver_of)(PyObject *protocol);

    /* Since minor number 1. */

    /* Whether busy turns of the loop go without a poll where there are no other threads. */
    int (*may_spare_poll)(PyObject *loop);
    /* Whether a loop, of whatever class, is in debug mode. */
    int (*in_debug_mode)(PyObject *loop);

    /* Since minor number 2. */

    /* A handle for a loop that is not in debug mode; `context` may be None, for a copy of the current one. */
    PyObject *(*new_handle)(PyObject *loop, PyObject *callback, PyObject *arguments, PyObject *context);
    /* Do what the handle's cancel() does. */
    int (*cancel)(PyObject *handle);

    /* Since minor number 3. */

    /* Have what is above transports of exactly this class send as these functions do; both are there for good. */
    int (*know_sender)(PyTypeObject *type, const AsyncioSender *sender);

    /* Since minor number 4. */

    /* Call a function where loops would call `method`, their _write_to_self(). */
    int (*know_waker)(PyObject *method, AsyncioWake wake);

    /* Since minor number 5. */

    /* For one who is called by a loop of `loop_type`: have it call a function when what is ready now has run, or earlier,
       but in any case. False where nothing else is ready, or the loop does not do so: what is to be done has to be done now. */
    int (*put_off)(PyObject *loop, AsyncioAtEnd function);

    /* Since minor number 6. */

    /* Have a function, which is there for good, told who notes calls of the system's when that begins; NULL: nobody does
       any more. False: there are too many who are told so. */
    int (*know_caller)(void (*tell)(const AsyncioCallNoter *noter));

    /* Since minor number 7. */

    /* For a loop of `loop_type`: a number that no other loop has, and that is another one when an attribute has been set or
       deleted, as long as nobody goes by the loop's dict. */
    unsigned long long (*generation_of)(PyObject *loop);
} AsyncioCore;

/* Take the interface over. NULL without an exception: there is none that fits. */
static inline const AsyncioCore *asyncio_core_interface(void) {
    const AsyncioCore *core = (const AsyncioCore *)PyCapsule_Import(ASYNCIO_CORE_INTERFACE, 0);
    if (core == NULL) {
        PyErr_Clear();
        return NULL;
    }
    return core->major == ASYNCIO_CORE_MAJOR && core->minor >= ASYNCIO_CORE_MINOR ? core : NULL;
}

#endif
