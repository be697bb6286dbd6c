/* Reading and writing files and pipes. */

#include "overlapped.h"

/* These calls wait where the handle was not opened for overlapped operations, so other threads run
   meanwhile: one of them may be who writes to the pipe. */

METHOD(overlapped_read_file)
{
    HANDLE handle;
    DWORD size, error;
    operation *op;

    if (check_argument_count("ReadFile", count, 2, 2) < 0 || handle_from(args[0], &handle) < 0 ||
        length_from(args[1], &size) < 0)
        return NULL;
    if ((op = begin(self, READ_BYTES, handle, 0)) == NULL)
        return NULL;
    if (provide_bytes(op, size) < 0)
        return abandon(op);
    Py_BEGIN_ALLOW_THREADS
    error = ReadFile(handle, PyBytes_AsString(op->bytes), size, NULL, &op->overlapped)
                ? ERROR_SUCCESS
                : GetLastError();
    Py_END_ALLOW_THREADS
    return started(self, op, error);
}

METHOD(overlapped_read_file_into)
{
    HANDLE handle;
    DWORD error;
    operation *op;

    if (check_argument_count("ReadFileInto", count, 2, 2) < 0 || handle_from(args[0], &handle) < 0)
        return NULL;
    if ((op = begin(self, READ_INTO, handle, 0)) == NULL)
        return NULL;
    if (provide_buffer(op, args[1], PyBUF_WRITABLE) < 0)
        return abandon(op);
    Py_BEGIN_ALLOW_THREADS
    error = ReadFile(handle, op->view.buf, (DWORD)op->view.len, NULL, &op->overlapped)
                ? ERROR_SUCCESS
                : GetLastError();
    Py_END_ALLOW_THREADS
    return started(self, op, error);
}

METHOD(overlapped_write_file)
{
    HANDLE handle;
    DWORD error;
    operation *op;

    if (check_argument_count("WriteFile", count, 2, 2) < 0 || handle_from(args[0], &handle) < 0)
        return NULL;
    if ((op = begin(self, WRITE, handle, 0)) == NULL)
        return NULL;
    if (provide_buffer(op, args[1], PyBUF_SIMPLE) < 0)
        return abandon(op);
    Py_BEGIN_ALLOW_THREADS
    error = WriteFile(handle, op->view.buf, (DWORD)op->view.len, NULL, &op->overlapped)
                ? ERROR_SUCCESS
                : GetLastError();
    Py_END_ALLOW_THREADS
    return started(self, op, error);
}

METHOD(overlapped_connect_named_pipe)
{
    HANDLE handle;
    DWORD error;
    operation *op;

    if (check_argument_count("ConnectNamedPipe", count, 1, 1) < 0 || handle_from(args[0], &handle) < 0)
        return NULL;
    if ((op = begin(self, CONNECT_PIPE, handle, 0)) == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = ConnectNamedPipe(handle, &op->overlapped) ? ERROR_SUCCESS : GetLastError();
    Py_END_ALLOW_THREADS
    if (error == ERROR_PIPE_CONNECTED) {
        /* The client was faster. The system takes it for a failed call and fills nothing in. */
        op->overlapped.Internal = 0;
        op->settled = 1;
        error = ERROR_SUCCESS;
    }
    return started(self, op, error);
}

/* ConnectPipe(name) -> handle */
PyObject *
connect_pipe(PyObject *module, PyObject *name)
{
    wchar_t *path;
    HANDLE handle;
    DWORD error;

    (void)module;
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "the name of a pipe is a string, not %R",
                     (PyObject *)Py_TYPE(name));
        return NULL;
    }
    if ((path = PyUnicode_AsWideCharString(name, NULL)) == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    handle = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                         FILE_FLAG_OVERLAPPED, NULL);
    error = handle == INVALID_HANDLE_VALUE ? GetLastError() : ERROR_SUCCESS;
    Py_END_ALLOW_THREADS
    PyMem_Free(path);
    return error ? raise_windows_error(error) : PyLong_FromVoidPtr(handle);
}
