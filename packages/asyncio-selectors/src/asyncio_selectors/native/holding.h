/* What was written and is sent a little later: pieces, with the transport of each. */

#ifndef ASYNCIO_SELECTORS_HOLDING_H
#define ASYNCIO_SELECTORS_HOLDING_H

#include "pieces.h"

/* So many pieces, and bytes, of all transports: less than any of them may have waiting. */
#define MOST_HELD 64
#define MOST_BYTES_HELD (32 * 1024)
#define LARGEST_HELD (8 * 1024)

typedef struct {
    PyObject *transport;
    PyObject *data; /* a bytes object */
} Held;

static Py_ssize_t size_of_held(const Held *pieces, int count) {
    Py_ssize_t total = 0;
    int n;
    for (n = 0; n < count; n++) total += PyBytes_GET_SIZE(pieces[n].data);
    return total;
}

/* Send pieces of one transport; the number of bytes, or -1 with errno. */
static ssize_t send_all_held(int fd, const Held *pieces, int count) {
#ifdef _WIN32
    return -1;
#else
    struct iovec parts[MOST_HELD];
    int n;
    if (count == 1)
        return calls.send(fd, PyBytes_AS_STRING(pieces[0].data), (size_t)PyBytes_GET_SIZE(pieces[0].data), MSG_DONTWAIT);
    for (n = 0; n < count; n++) {
        parts[n].iov_base = PyBytes_AS_STRING(pieces[n].data);
        parts[n].iov_len = (size_t)PyBytes_GET_SIZE(pieces[n].data);
    }
    return send_parts(fd, parts, (size_t)count);
#endif
}

#endif
