/* Waiting until a socket is ready, with a port.

   A port tells of operations that are completed, not of sockets that can be read. What select() is made
   of can be had for a port as well: the driver of sockets, \Device\Afd, takes a request to poll as an
   operation. Microsoft does not document it; Windows has had it unchanged since Windows 2000, and
   event loops of other languages live on it. */

#include "overlapped.h"

#include <winternl.h>

#define IOCTL_AFD_POLL 0x00012024

#ifndef SIO_BASE_HANDLE
#define SIO_BASE_HANDLE 0x48000022
#endif
#ifndef FILE_OPEN
#define FILE_OPEN 1
#endif

typedef NTSTATUS(NTAPI *nt_create_file)(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, PIO_STATUS_BLOCK,
                                        PLARGE_INTEGER, ULONG, ULONG, ULONG, ULONG, PVOID, ULONG);

/* OpenAfd() -> handle. Raises OSError where there is no such driver. */
PyObject *
open_afd(PyObject *module, PyObject *unused)
{
    static WCHAR path[] = L"\\Device\\Afd\\asyncio";
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    nt_create_file create =
        (nt_create_file)(void (*)(void))GetProcAddress(ntdll, "NtCreateFile");
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK outcome;
    HANDLE handle;
    NTSTATUS status;

    (void)module;
    (void)unused;
    if (create == NULL)
        return raise_windows_error(ERROR_PROC_NOT_FOUND);
    name.Buffer = path;
    name.Length = sizeof(path) - sizeof(WCHAR);
    name.MaximumLength = sizeof(path);
    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    status = create(&handle, SYNCHRONIZE, &attributes, &outcome, NULL, 0,
                    FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, NULL, 0);
    if (status < 0)
        return raise_windows_error(error_from_status(status, 0));
    return PyLong_FromVoidPtr(handle);
}

/* Who asks speaks of a socket, which the driver takes for any handle. */
static DWORD
as_socket_error(DWORD error)
{
    return error == ERROR_INVALID_HANDLE ? WSAENOTSOCK : error;
}

METHOD(overlapped_poll_socket)
{
    HANDLE afd;
    SOCKET socket, base;
    DWORD events, size, error;
    operation *op;

    if (check_argument_count("PollSocket", count, 3, 3) < 0 || handle_from(args[0], &afd) < 0 ||
        socket_from(args[1], &socket) < 0 || dword_from(args[2], &events) < 0)
        return NULL;
    /* The driver knows the innermost socket only, without the layers that were put around it. */
    if (WSAIoctl(socket, SIO_BASE_HANDLE, NULL, 0, &base, sizeof(base), &size, NULL, NULL) ==
        SOCKET_ERROR)
        return raise_windows_error(as_socket_error((DWORD)WSAGetLastError()));
    if ((op = begin(self, POLL, afd, 1)) == NULL)
        return NULL;
    op->extra.poll.timeout.QuadPart = INT64_MAX;
    op->extra.poll.handle_count = 1;
    op->extra.poll.exclusive = FALSE;
    op->extra.poll.entry.handle = (HANDLE)base;
    op->extra.poll.entry.events = events;
    op->extra.poll.entry.status = 0;
    error = DeviceIoControl(afd, IOCTL_AFD_POLL, &op->extra.poll, sizeof(op->extra.poll),
                            &op->extra.poll, sizeof(op->extra.poll), NULL, &op->overlapped)
                ? ERROR_SUCCESS
                : as_socket_error(GetLastError());
    return started(self, op, error);
}
