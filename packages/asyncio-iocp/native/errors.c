/* From NTSTATUS and error codes to OSError. */

#include "overlapped.h"

#include <stdio.h>

typedef ULONG(WINAPI *status_converter)(LONG status);

PyObject *
raise_windows_error(DWORD error)
{
    return PyErr_SetExcFromWindowsErr(PyExc_OSError, (int)error);
}

/* What a completed operation carries is the driver's NTSTATUS. Winsock has errors of its own for those
   that concern connections, and the general conversion loses them: STATUS_CONNECTION_RESET would
   become ERROR_NETNAME_DELETED. Asking WSAGetOverlappedResult() needs a socket that is still open. */
static DWORD
winsock_error_from_status(ULONG status)
{
    switch (status) {
    case 0xC000020DUL: /* STATUS_CONNECTION_RESET */
    case 0xC000013CUL: /* STATUS_REMOTE_DISCONNECT */
        return WSAECONNRESET;
    case 0xC0000241UL: /* STATUS_CONNECTION_ABORTED */
    case 0xC000013BUL: /* STATUS_LOCAL_DISCONNECT */
        return WSAECONNABORTED;
    case 0xC0000236UL: /* STATUS_CONNECTION_REFUSED */
        return WSAECONNREFUSED;
    case 0xC000020CUL: /* STATUS_CONNECTION_DISCONNECTED */
    case 0xC000023AUL: /* STATUS_CONNECTION_INVALID */
    case 0xC0000140UL: /* STATUS_INVALID_CONNECTION */
        return WSAENOTCONN;
    case 0xC000023CUL: /* STATUS_NETWORK_UNREACHABLE */
    case 0xC000023EUL: /* STATUS_PROTOCOL_UNREACHABLE */
        return WSAENETUNREACH;
    case 0xC000023DUL: /* STATUS_HOST_UNREACHABLE */
    case 0xC00000BEUL: /* STATUS_BAD_NETWORK_PATH */
        return WSAEHOSTUNREACH;
    case 0xC00000B5UL: /* STATUS_IO_TIMEOUT */
    case 0x00000102UL: /* STATUS_TIMEOUT */
        return WSAETIMEDOUT;
    case 0xC0000207UL: /* STATUS_INVALID_ADDRESS_COMPONENT */
    case 0xC0000141UL: /* STATUS_INVALID_ADDRESS */
        return WSAEADDRNOTAVAIL;
    case 0xC000020AUL: /* STATUS_ADDRESS_ALREADY_EXISTS */
    case 0xC0000238UL: /* STATUS_ADDRESS_ALREADY_ASSOCIATED */
    case 0xC0000043UL: /* STATUS_SHARING_VIOLATION */
        return WSAEADDRINUSE;
    case 0xC000009AUL: /* STATUS_INSUFFICIENT_RESOURCES */
    case 0xC0000017UL: /* STATUS_NO_MEMORY */
        return WSAENOBUFS;
    case 0xC00000B1UL: /* STATUS_PIPE_DISCONNECTED */
        return WSAESHUTDOWN;
    case 0xC0000008UL: /* STATUS_INVALID_HANDLE */
    case 0xC0000024UL: /* STATUS_OBJECT_TYPE_MISMATCH */
        return WSAENOTSOCK;
    }
    return 0;
}

DWORD
error_from_status(LONG status, int on_socket)
{
    /* In ntdll, which has no import library in every compiler's kit. Always the same address. */
    static status_converter convert;

    if (status == 0)
        return ERROR_SUCCESS;
    if ((ULONG)status == 0x8000000AUL) /* STATUS_HANDLES_CLOSED: one more way to be cancelled */
        return ERROR_OPERATION_ABORTED;
    if (on_socket) {
        DWORD error = winsock_error_from_status((ULONG)status);
        if (error)
            return error;
    }
    if (convert == NULL) {
        HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
        convert = (status_converter)(void (*)(void))GetProcAddress(ntdll, "RtlNtStatusToDosError");
        if (convert == NULL)
            return ERROR_GEN_FAILURE;
    }
    return convert(status);
}

/* FormatMessage(error) -> str */
PyObject *
format_message(PyObject *module, PyObject *code)
{
    DWORD error, length;
    WCHAR *text = NULL;
    PyObject *message;

    (void)module;
    if (dword_from(code, &error) < 0)
        return NULL;
    length = FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM |
                                FORMAT_MESSAGE_IGNORE_INSERTS,
                            NULL, error, 0, (LPWSTR)&text, 0, NULL);
    if (length == 0)
        return PyUnicode_FromFormat("unknown error code %u", (unsigned int)error);
    /* The system ends its messages with a period and a line break. */
    while (length > 0 && (text[length - 1] <= L' ' || text[length - 1] == L'.'))
        length--;
    message = PyUnicode_FromWideChar(text, (Py_ssize_t)length);
    LocalFree(text);
    return message;
}
