/* Events, waits for handles that end as packets of a port, and the resolution of the system's timer. */

#include "overlapped.h"

#include <timeapi.h>

/* --- Waits ----------------------------------------------------------------------------------- */

/* Whoever is first decides: the callback, that there is a packet, or who ends the wait, that there is none. */
enum { ARMED, POSTED, ENDED };

typedef struct {
    HANDLE port;
    OVERLAPPED *address;
    volatile LONG state;
} wait_context;

/* Runs in a thread of the system's pool, without the interpreter. */
static VOID CALLBACK
tell_port(PVOID argument, BOOLEAN timed_out)
{
    wait_context *context = argument;
    if (InterlockedCompareExchange(&context->state, POSTED, ARMED) == ARMED)
        PostQueuedCompletionStatus(context->port, timed_out ? 1 : 0, 0, context->address);
}

/* Free a context, later: Wine's pool may say that a callback is over while its last instructions run. */
static void
retire(module_state *state, wait_context *context)
{
    unsigned int place = state->retired_next++ % RETIRED_WAITS;

    PyMem_Free(state->retired[place]);
    state->retired[place] = context;
}

/* RegisterWaitWithQueue(handle, port, address, milliseconds) -> wait handle.

   Once, a packet with that address arrives at the port: 0 transferred bytes if the handle was signalled, 1
   if the time was over. The wait is to be unregistered in any case. */
METHOD(register_wait)
{
    module_state *state = state_of(self);
    HANDLE handle, port, address, wait;
    DWORD milliseconds, flags;
    wait_context *context;
    PyObject *key = NULL, *value = NULL;

    if (check_argument_count("RegisterWaitWithQueue", count, 4, 4) < 0 ||
        handle_from(args[0], &handle) < 0 || handle_from(args[1], &port) < 0 ||
        handle_from(args[2], &address) < 0 || dword_from(args[3], &milliseconds) < 0)
        return NULL;
    if (state->waits == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is about to end");
        return NULL;
    }
    /* The pool takes any number, and would wait for it for ever. */
    if (!GetHandleInformation(handle, &flags))
        return raise_windows_error(GetLastError());
    if ((context = PyMem_Malloc(sizeof(*context))) == NULL)
        return PyErr_NoMemory();
    context->port = port;
    context->address = (OVERLAPPED *)address;
    context->state = ARMED;
    /* Not in the thread that waits: there Wine frees the wait under the callback when it is ended meanwhile. */
    if (!RegisterWaitForSingleObject(&wait, handle, tell_port, context, milliseconds,
                                     WT_EXECUTEONLYONCE)) {
        PyMem_Free(context);
        return raise_windows_error(GetLastError());
    }
    if ((key = PyLong_FromVoidPtr(wait)) == NULL || (value = PyLong_FromVoidPtr(context)) == NULL ||
        PyDict_SetItem(state->waits, key, value) < 0) {
        context->state = ENDED;
        UnregisterWaitEx(wait, INVALID_HANDLE_VALUE);
        retire(state, context);
        Py_CLEAR(key);
    }
    Py_XDECREF(value);
    return key;
}

/* End a wait. Waits for the callback, should it run just now: it takes no lock and is done at once. */
static DWORD
end_wait(HANDLE wait)
{
    DWORD error = ERROR_SUCCESS;

    Py_BEGIN_ALLOW_THREADS
    if (!UnregisterWaitEx(wait, INVALID_HANDLE_VALUE))
        error = GetLastError();
    Py_END_ALLOW_THREADS
    /* A callback that was to be waited for, and was not (Wine): it decides nothing any more. */
    return error == ERROR_IO_PENDING ? ERROR_SUCCESS : error;
}

/* UnregisterWait(wait) -> True if the packet has been posted, False if it never will be */
PyObject *
unregister_wait(PyObject *module, PyObject *key)
{
    module_state *state = state_of(module);
    HANDLE wait;
    PyObject *value;
    wait_context *context;
    DWORD error;
    LONG posted;

    if (handle_from(key, &wait) < 0)
        return NULL;
    /* Any number may come: only those that were given out are passed on. */
    value = state->waits == NULL ? NULL : PyDict_GetItemWithError(state->waits, key);
    if (value == NULL)
        return PyErr_Occurred() ? NULL : raise_windows_error(ERROR_INVALID_HANDLE);
    context = PyLong_AsVoidPtr(value);
    if (PyDict_DelItem(state->waits, key) < 0)
        return NULL;
    posted = InterlockedCompareExchange(&context->state, ENDED, ARMED) == POSTED;
    error = end_wait(wait);
    if (error) /* the callback may still run, so the context has to stay */
        return raise_windows_error(error);
    retire(state, context);
    return PyBool_FromLong(posted);
}

/* UnregisterWaitEx(wait, event): the same, then the event is set. */
METHOD(unregister_wait_ex)
{
    HANDLE event;
    PyObject *posted;

    if (check_argument_count("UnregisterWaitEx", count, 2, 2) < 0 || handle_from(args[1], &event) < 0)
        return NULL;
    if ((posted = unregister_wait(self, args[0])) == NULL)
        return NULL;
    if (event != NULL && event != INVALID_HANDLE_VALUE && !SetEvent(event)) {
        Py_DECREF(posted);
        return raise_windows_error(GetLastError());
    }
    return posted;
}

void
unregister_all_waits(module_state *state)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;

    if (state->waits == NULL)
        return;
    while (PyDict_Next(state->waits, &position, &key, &value)) {
        wait_context *context = PyLong_AsVoidPtr(value);

        InterlockedCompareExchange(&context->state, ENDED, ARMED);
        if (end_wait(PyLong_AsVoidPtr(key)) == ERROR_SUCCESS)
            retire(state, context);
    }
    PyDict_Clear(state->waits);
}

/* --- Events ---------------------------------------------------------------------------------- */

/* CreateEvent(attributes, manual_reset, initially_set, name) -> handle; attributes must be None */
METHOD(create_event)
{
    int manual, initial;
    wchar_t *name = NULL;
    HANDLE event;

    (void)self;
    if (check_argument_count("CreateEvent", count, 4, 4) < 0)
        return NULL;
    if (args[0] != Py_None) {
        PyErr_SetString(PyExc_ValueError, "the attributes of an event can only be None");
        return NULL;
    }
    if ((manual = PyObject_IsTrue(args[1])) < 0 || (initial = PyObject_IsTrue(args[2])) < 0)
        return NULL;
    if (args[3] != Py_None) {
        if (!PyUnicode_Check(args[3])) {
            PyErr_SetString(PyExc_TypeError, "the name of an event is a string or None");
            return NULL;
        }
        if ((name = PyUnicode_AsWideCharString(args[3], NULL)) == NULL)
            return NULL;
    }
    event = CreateEventW(NULL, manual, initial, name);
    PyMem_Free(name);
    return event == NULL ? raise_windows_error(GetLastError()) : PyLong_FromVoidPtr(event);
}

PyObject *
set_event(PyObject *module, PyObject *handle)
{
    HANDLE event;

    (void)module;
    if (handle_from(handle, &event) < 0)
        return NULL;
    if (!SetEvent(event))
        return raise_windows_error(GetLastError());
    Py_RETURN_NONE;
}

PyObject *
reset_event(PyObject *module, PyObject *handle)
{
    HANDLE event;

    (void)module;
    if (handle_from(handle, &event) < 0)
        return NULL;
    if (!ResetEvent(event))
        return raise_windows_error(GetLastError());
    Py_RETURN_NONE;
}

/* --- The timer ------------------------------------------------------------------------------- */

static PyObject *
change_period(const char *name, UINT(WINAPI *change)(UINT), PyObject *const *args, Py_ssize_t count)
{
    DWORD milliseconds;

    if (check_argument_count(name, count, 1, 1) < 0 || dword_from(args[0], &milliseconds) < 0)
        return NULL;
    if (change(milliseconds) != 0) { /* TIMERR_NOCANDO is the one error there is */
        PyErr_Format(PyExc_ValueError, "the timer cannot be set to %lu ms", milliseconds);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* timeBeginPeriod(milliseconds): have waits end that exactly; each call wants its timeEndPeriod(). */
METHOD(time_begin_period)
{
    (void)self;
    return change_period("timeBeginPeriod", timeBeginPeriod, args, count);
}

METHOD(time_end_period)
{
    (void)self;
    return change_period("timeEndPeriod", timeEndPeriod, args, count);
}
