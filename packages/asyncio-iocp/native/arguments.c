/* Numbers, handles and socket addresses from Python objects, and addresses back again. */

#include "overlapped.h"

#include <stdlib.h>
#include <string.h>

int
check_argument_count(const char *function, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most)
{
    if (count >= least && count <= most)
        return 0;
    if (least == most)
        PyErr_Format(PyExc_TypeError, "%s() takes %zd argument%s (%zd given)", function, least,
                     least == 1 ? "" : "s", count);
    else
        PyErr_Format(PyExc_TypeError, "%s() takes from %zd to %zd arguments (%zd given)", function,
                     least, most, count);
    return -1;
}

int
handle_from(PyObject *object, HANDLE *handle)
{
    *handle = PyLong_AsVoidPtr(object);
    return *handle == NULL && PyErr_Occurred() ? -1 : 0;
}

int
socket_from(PyObject *object, SOCKET *handle)
{
    HANDLE value;

    if (handle_from(object, &value) < 0)
        return -1;
    *handle = (SOCKET)value;
    return 0;
}

int
dword_from(PyObject *object, DWORD *value)
{
    *value = PyLong_AsUnsignedLong(object);
    return *value == (DWORD)-1 && PyErr_Occurred() ? -1 : 0;
}

/* A number of bytes to read or to send: the system counts them in a signed 32-bit number. */
int
length_from(PyObject *object, DWORD *value)
{
    Py_ssize_t length = PyNumber_AsSsize_t(object, PyExc_OverflowError);

    if (length == -1 && PyErr_Occurred())
        return -1;
    if (length < 0 || length > 0x7fffffff) {
        PyErr_Format(length < 0 ? PyExc_ValueError : PyExc_OverflowError,
                     "a number of bytes from 0 to 2147483647 was expected, got %zd", length);
        return -1;
    }
    *value = (DWORD)length;
    return 0;
}

static int
ipv4_from(const char *host, struct in_addr *address)
{
    if (host[0] == '\0') {
        address->s_addr = INADDR_ANY;
        return 1;
    }
    if (strcmp(host, "<broadcast>") == 0) {
        address->s_addr = INADDR_BROADCAST;
        return 1;
    }
    return inet_pton(AF_INET, host, address) == 1;
}

/* The scope may stand behind the host, as in "fe80::1%4". */
static int
ipv6_from(const char *host, struct sockaddr_in6 *address)
{
    char plain[INET6_ADDRSTRLEN];
    const char *percent = strchr(host, '%');
    size_t length = percent ? (size_t)(percent - host) : strlen(host);

    if (length >= sizeof(plain))
        return 0;
    memcpy(plain, host, length);
    plain[length] = '\0';
    if (inet_pton(AF_INET6, plain, &address->sin6_addr) != 1)
        return 0;
    if (percent && address->sin6_scope_id == 0) {
        char *end;
        unsigned long scope = strtoul(percent + 1, &end, 10);
        if (percent[1] == '\0' || *end != '\0')
            return 0;
        address->sin6_scope_id = scope;
    }
    return 1;
}

static int
item_as_dword(PyObject *tuple, Py_ssize_t index, DWORD *value)
{
    PyObject *item = PyTuple_GetItem(tuple, index);
    return item == NULL ? -1 : dword_from(item, value);
}

/* (host, port) or (host, port, flowinfo, scope_id), as the socket module has them, with a numeric host. */
int
address_from(PyObject *tuple, SOCKADDR_STORAGE *address, int *length)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)address;
    PyObject *item;
    Py_ssize_t size, host_size;
    const char *host;
    DWORD flow = 0, scope = 0;
    long port;

    if (!PyTuple_Check(tuple)) {
        PyErr_Format(PyExc_TypeError, "an address is a tuple, not %R", (PyObject *)Py_TYPE(tuple));
        return -1;
    }
    size = PyTuple_Size(tuple);
    if (size < 2 || size > 4) {
        PyErr_Format(PyExc_ValueError, "an address has two or four items, got %R", tuple);
        return -1;
    }
    item = PyTuple_GetItem(tuple, 0);
    if (!PyUnicode_Check(item)) {
        PyErr_Format(PyExc_TypeError, "a host is a string, not %R", (PyObject *)Py_TYPE(item));
        return -1;
    }
    host = PyUnicode_AsUTF8AndSize(item, &host_size);
    if (host == NULL)
        return -1;
    port = PyLong_AsLong(PyTuple_GetItem(tuple, 1));
    if (port == -1 && PyErr_Occurred())
        return -1;
    if (port < 0 || port > 0xffff) {
        PyErr_SetString(PyExc_OverflowError, "port must be 0-65535.");
        return -1;
    }
    if (size > 2 && item_as_dword(tuple, 2, &flow) < 0)
        return -1;
    if (size > 3 && item_as_dword(tuple, 3, &scope) < 0)
        return -1;

    memset(address, 0, sizeof(*address));
    if (size == 2 && (size_t)host_size == strlen(host) && ipv4_from(host, &ipv4->sin_addr)) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons((u_short)port);
        *length = sizeof(*ipv4);
        return 0;
    }
    ipv6->sin6_scope_id = scope;
    if ((size_t)host_size == strlen(host) && ipv6_from(host, ipv6)) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons((u_short)port);
        ipv6->sin6_flowinfo = htonl(flow);
        *length = sizeof(*ipv6);
        return 0;
    }
    raise_windows_error(WSAEINVAL);
    return -1;
}

PyObject *
address_tuple(const SOCKADDR *address, int length)
{
    char host[INET6_ADDRSTRLEN];

    if (length >= (int)sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
        if (inet_ntop(AF_INET, (void *)&ipv4->sin_addr, host, sizeof(host)) == NULL)
            return raise_windows_error(WSAGetLastError());
        return Py_BuildValue("si", host, (int)ntohs(ipv4->sin_port));
    }
    if (length >= (int)sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;
        if (inet_ntop(AF_INET6, (void *)&ipv6->sin6_addr, host, sizeof(host)) == NULL)
            return raise_windows_error(WSAGetLastError());
        return Py_BuildValue("siII", host, (int)ntohs(ipv6->sin6_port),
                             (unsigned int)ntohl(ipv6->sin6_flowinfo),
                             (unsigned int)ipv6->sin6_scope_id);
    }
    if (length < (int)sizeof(address->sa_family) || address->sa_family == 0)
        Py_RETURN_NONE; /* no address came with it */
    return Py_BuildValue("iy#", (int)address->sa_family, address->sa_data,
                         (Py_ssize_t)(length - (int)sizeof(address->sa_family)));
}
