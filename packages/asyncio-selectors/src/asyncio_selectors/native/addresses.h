/* The addresses of sockets, as the system and as the socket module has them. */

#ifndef ASYNCIO_SELECTORS_ADDRESSES_H
#define ASYNCIO_SELECTORS_ADDRESSES_H

#include <Python.h>
#include <stddef.h>

#ifndef _WIN32
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Of the internet, in either version. */
typedef union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
} Address;

/* Such an address as the socket module tells it. */
static PyObject *tuple_of_address(const Address *address) {
    char host[INET6_ADDRSTRLEN];
    if (address->any.sa_family == AF_INET) {
        if (inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof host) == NULL) return PyErr_SetFromErrno(PyExc_OSError);
        return Py_BuildValue("si", host, (int)ntohs(address->in.sin_port));
    }
    if (inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof host) == NULL) return PyErr_SetFromErrno(PyExc_OSError);
    return Py_BuildValue(
        "siII", host, (int)ntohs(address->in6.sin6_port), (unsigned int)ntohl(address->in6.sin6_flowinfo),
        (unsigned int)address->in6.sin6_scope_id);
}

/* A Unix socket's, of so many bytes in all, as the socket module tells it: no name is "", one that is in no file system
   is bytes. */
static PyObject *name_of_unix_address(const struct sockaddr_un *address, socklen_t length) {
    Py_ssize_t count = (Py_ssize_t)length - (Py_ssize_t)offsetof(struct sockaddr_un, sun_path);
    if (count <= 0) return PyUnicode_FromString("");
    if (address->sun_path[0] == 0) return PyBytes_FromStringAndSize(address->sun_path, count);
    return PyUnicode_DecodeFSDefaultAndSize(address->sun_path, (Py_ssize_t)strnlen(address->sun_path, (size_t)count));
}
#endif

#endif
