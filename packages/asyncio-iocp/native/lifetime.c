/* The memory of operations: who provides it, and when it is free again. */

#include "overlapped.h"

/* --- Memory ---------------------------------------------------------------------------------- */

void
release_memory(operation *op)
{
    Py_CLEAR(op->bytes);
    if (op->has_view) {
        op->has_view = 0;
        PyBuffer_Release(&op->view);
    }
}

void
operation_free(operation *op)
{
    release_memory(op);
    if (op->owns_event)
        CloseHandle(op->overlapped.hEvent);
    PyMem_Free(op);
}

void
make_orphan(PyTypeObject *type, operation *op)
{
    PyObject *kind, *value, *traceback;
    module_state *state;

    /* At the interpreter's end the type may have been taken from its module. Nobody takes packets
       any more then: the memory stays as it is. */
    PyErr_Fetch(&kind, &value, &traceback);
    state = (module_state *)PyType_GetModuleState(type);
    PyErr_Restore(kind, value, traceback);
    if (state != NULL) {
        op->next_orphan = state->orphans;
        state->orphans = op;
    }
}

int
reap_orphan(module_state *state, const void *address)
{
    operation **link = &state->orphans;

    for (; *link != NULL; link = &(*link)->next_orphan) {
        operation *op = *link;
        if ((const void *)&op->overlapped == address) {
            *link = op->next_orphan;
            operation_free(op);
            return 1;
        }
    }
    return 0;
}

/* Those without an event wait for their packet instead, however long. */
void
sweep_orphans(module_state *state)
{
    operation **link = &state->orphans, *done = NULL;

    while (*link != NULL) {
        operation *op = *link;
        if (op->overlapped.hEvent != NULL && HasOverlappedIoCompleted(&op->overlapped)) {
            *link = op->next_orphan;
            op->next_orphan = done;
            done = op;
        }
        else
            link = &op->next_orphan;
    }
    /* Releasing a buffer can run any code: the list is in order by now. */
    while (done != NULL) {
        operation *op = done;
        done = op->next_orphan;
        operation_free(op);
    }
}

int
provide_bytes(operation *op, DWORD size)
{
    op->bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    return op->bytes == NULL ? -1 : 0;
}

int
provide_buffer(operation *op, PyObject *object, int flags)
{
    if (PyObject_GetBuffer(object, &op->view, flags) < 0)
        return -1;
    op->has_view = 1;
    if (op->view.len > 0x7fffffff) {
        PyErr_Format(PyExc_OverflowError, "a buffer of at most 2147483647 bytes was expected, got %zd",
                     op->view.len);
        return -1;
    }
    return 0;
}

/* --- Start ----------------------------------------------------------------------------------- */

operation *
begin(PyObject *self, operation_kind kind, HANDLE handle, int on_socket)
{
    operation *op = ((Overlapped *)self)->operation;

    if (op->kind != NOT_STARTED) {
        PyErr_SetString(PyExc_ValueError, "an operation has been started with this object already");
        return NULL;
    }
    op->kind = kind;
    op->handle = handle;
    op->on_socket = (char)on_socket;
    return op;
}

PyObject *
abandon(operation *op)
{
    op->kind = FAILED_TO_START;
    release_memory(op);
    return NULL;
}

int
is_cut_message(const operation *op, DWORD error)
{
    if (error != ERROR_MORE_DATA && error != WSAEMSGSIZE)
        return 0;
    return op->kind == READ_BYTES || op->kind == READ_INTO || op->kind == RECEIVE_FROM ||
           op->kind == RECEIVE_FROM_INTO;
}

PyObject *
started(PyObject *self, operation *op, DWORD error)
{
    ((Overlapped *)self)->error = error;
    switch (error) {
    case ERROR_SUCCESS:
        Py_RETURN_TRUE;
    case ERROR_IO_PENDING:
        Py_RETURN_FALSE;
    }
    if (is_cut_message(op, error)) /* a warning to the system, which completes the operation */
        Py_RETURN_TRUE;
    raise_windows_error(error);
    return abandon(op);
}
