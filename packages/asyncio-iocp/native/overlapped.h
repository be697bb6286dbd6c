/* What the parts of asyncio_iocp._overlapped share.

   The extension is a thin layer over the Win32 calls that a completion loop is made of: ports
   (ports.c), operations on files, pipes and sockets (operation.c, files.c, sockets.c, afd.c), waits for
   handles (waits.c). It keeps one promise that Python code cannot keep by itself: memory that the
   kernel may still write to is not freed, whatever the program does (see `operation` below).

   Everything is written for the limited API of Python 3.11, so one binary serves every later
   version. */

#ifndef ASYNCIO_IOCP_OVERLAPPED_H
#define ASYNCIO_IOCP_OVERLAPPED_H

#if !defined(Py_LIMITED_API) && !defined(Py_GIL_DISABLED)
#define Py_LIMITED_API 0x030b0000
#endif
#define PY_SSIZE_T_CLEAN

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0602 /* Windows 8: what Python 3.9 and newer ask for is 8.1 */
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif

#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>

#include <Python.h>

/* The headers of Python 3.12 and 3.13 take these for immortal, also for binaries that serve 3.11, where
   they are counted as everything else. */
#undef Py_RETURN_NONE
#undef Py_RETURN_TRUE
#undef Py_RETURN_FALSE
#define Py_RETURN_NONE return Py_NewRef(Py_None)
#define Py_RETURN_TRUE return Py_NewRef(Py_True)
#define Py_RETURN_FALSE return Py_NewRef(Py_False)

/* --- Operations ------------------------------------------------------------------------------ */

typedef enum {
    NOT_STARTED,
    FAILED_TO_START,
    READ_BYTES, /* -> bytes */
    READ_INTO,  /* -> number of bytes */
    WRITE,      /* -> number of bytes */
    RECEIVE_FROM,      /* -> (bytes, address) */
    RECEIVE_FROM_INTO, /* -> (number of bytes, address) */
    ACCEPT,     /* -> address of the peer */
    CONNECT,    /* -> None, and so do the next two */
    DISCONNECT,
    CONNECT_PIPE,
    POLL,       /* -> events */
} operation_kind;

/* The kernel's view of a poll: the input and output of IOCTL_AFD_POLL. */
typedef struct {
    LARGE_INTEGER timeout;
    ULONG handle_count;
    ULONG exclusive;
    struct {
        HANDLE handle;
        ULONG events;
        LONG status;
    } entry;
} poll_request;

/* One operation, apart from the Python object that stands for it.

   While it is pending the kernel may write to any part of this, and to the buffer that it refers to, and
   until its packet has been taken another operation at its address would be taken for it. If the Python
   object goes first, the operation is cancelled and, where need be, becomes an orphan: it stays in the
   module's list until then. */
typedef struct operation {
    OVERLAPPED overlapped; /* first: the address that a port hands back is the operation's */
    HANDLE handle;
    operation_kind kind;
    char on_socket;  /* errors are Winsock's */
    char has_view;   /* `view` is filled in */
    char owns_event; /* overlapped.hEvent was made here */
    char settled;    /* no packet of it is to come */
    PyObject *bytes; /* what READ_BYTES, RECEIVE_FROM and ACCEPT write to */
    Py_buffer view;  /* what the others read from or write to */
    DWORD flags;
    union {
        struct {
            SOCKADDR_STORAGE address;
            INT length;
        } peer;
        SOCKET accepted;
        poll_request poll;
    } extra;
    struct operation *next_orphan;
} operation;

/* The Python object, `_overlapped.Overlapped`. */
typedef struct {
    PyObject_HEAD
    operation *operation; /* never NULL once made */
    PyObject *result;     /* what getresult() returned first */
    DWORD error;          /* of the last call */
} Overlapped;

/* How many waits that are over keep their contexts. */
#define RETIRED_WAITS 16

/* --- The module's state ---------------------------------------------------------------------- */

typedef struct {
    PyTypeObject *overlapped_type;
    PyObject *waits; /* dict: wait handle -> address of its wait_context */
    void *retired[RETIRED_WAITS]; /* contexts of waits that are over, freed one after the other */
    unsigned int retired_next;
    operation *orphans;
    int winsock_started;
    /* Winsock's extensions have no fixed address; NULL where the provider lacks one. */
    LPFN_ACCEPTEX accept_ex;
    LPFN_GETACCEPTEXSOCKADDRS accept_ex_addresses;
    LPFN_CONNECTEX connect_ex;
    LPFN_DISCONNECTEX disconnect_ex;
    LPFN_TRANSMITFILE transmit_file;
} module_state;

/* --- errors.c -------------------------------------------------------------------------------- */

/* Set OSError for a Win32 or Winsock error; return NULL. */
PyObject *raise_windows_error(DWORD error);
DWORD error_from_status(LONG status, int on_socket);
PyObject *format_message(PyObject *module, PyObject *code);

/* --- arguments.c ----------------------------------------------------------------------------- */

int check_argument_count(const char *function, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most);
/* Each returns -1 with an exception set where the object does not fit. */
int handle_from(PyObject *object, HANDLE *handle);
int socket_from(PyObject *object, SOCKET *handle);
int dword_from(PyObject *object, DWORD *value);
int length_from(PyObject *object, DWORD *value);
int address_from(PyObject *tuple, SOCKADDR_STORAGE *address, int *length);
PyObject *address_tuple(const SOCKADDR *address, int length);

/* --- lifetime.c, operation.c ----------------------------------------------------------------- */

extern PyType_Spec overlapped_spec;

static inline int
is_pending(const operation *op)
{
    return op->kind > FAILED_TO_START && !HasOverlappedIoCompleted(&op->overlapped);
}

static inline module_state *
state_of(PyObject *module)
{
    return (module_state *)PyModule_GetState(module);
}

static inline module_state *
state_of_type(PyObject *self)
{
    return (module_state *)PyType_GetModuleState(Py_TYPE(self));
}

/* Claim the operation for one start. Returns NULL with ValueError if it has been started before. */
operation *begin(PyObject *self, operation_kind kind, HANDLE handle, int on_socket);
/* Provide memory for the kernel; -1 with an exception set where there is none. */
int provide_bytes(operation *op, DWORD size);
int provide_buffer(operation *op, PyObject *object, int flags);
/* Tell what the call that started the operation said: True if it is completed already, False if it is
   pending, NULL with OSError if it could not be started. */
PyObject *started(PyObject *self, operation *op, DWORD error);
/* Give the operation up before it was started, with the exception that is set; returns NULL. */
PyObject *abandon(operation *op);
/* A message longer than the buffer that it was received with: true for its error. */
int is_cut_message(const operation *op, DWORD error);
/* Give back what was provided; the system must be through with it. */
void release_memory(operation *op);
void operation_free(operation *op);
/* Leave an operation that the system is not through with to the module. */
void make_orphan(PyTypeObject *type, operation *op);
/* Free the orphan at this address, if it is one; true if it was. */
int reap_orphan(module_state *state, const void *address);
/* Free the orphans that are completed and of which no port tells. */
void sweep_orphans(module_state *state);

/* --- Methods of Overlapped in other files ---------------------------------------------------- */

#define METHOD(name) PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count)

METHOD(overlapped_read_file);
METHOD(overlapped_read_file_into);
METHOD(overlapped_write_file);
METHOD(overlapped_connect_named_pipe);
METHOD(overlapped_wsa_recv);
METHOD(overlapped_wsa_recv_into);
METHOD(overlapped_wsa_send);
METHOD(overlapped_wsa_recv_from);
METHOD(overlapped_wsa_recv_from_into);
METHOD(overlapped_wsa_send_to);
METHOD(overlapped_accept_ex);
METHOD(overlapped_connect_ex);
METHOD(overlapped_disconnect_ex);
METHOD(overlapped_transmit_file);
METHOD(overlapped_poll_socket);
PyObject *finish_accept(PyObject *self, operation *op);
PyObject *finish_connect(operation *op);

/* --- Functions of the module in other files -------------------------------------------------- */

METHOD(create_port);
METHOD(get_queued);
METHOD(get_queued_many);
METHOD(post_queued);
PyObject *detach_from_port(PyObject *module, PyObject *handle);
METHOD(register_wait);
PyObject *unregister_wait(PyObject *module, PyObject *wait);
METHOD(unregister_wait_ex);
METHOD(create_event);
PyObject *set_event(PyObject *module, PyObject *handle);
PyObject *reset_event(PyObject *module, PyObject *handle);
METHOD(time_begin_period);
METHOD(time_end_period);
PyObject *connect_pipe(PyObject *module, PyObject *name);
METHOD(bind_local);
METHOD(wsa_connect);
PyObject *skip_success_packets(PyObject *module, PyObject *handle);
PyObject *open_afd(PyObject *module, PyObject *unused);

int start_winsock(module_state *state);
void unregister_all_waits(module_state *state);

#endif
