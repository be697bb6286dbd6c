/* Datagrams: receiving several at once, and addresses that are known already. */

#ifndef ASYNCIO_SELECTORS_DATAGRAMS_H
#define ASYNCIO_SELECTORS_DATAGRAMS_H

#include "addresses.h"
#include "system.h"

/* No UDP datagram is longer. */
#define LONGEST_DATAGRAM (64 * 1024)

#ifdef _WIN32
#define MOST_DATAGRAMS 1
typedef struct {
    int length;
} ReceivedDatagram;
static int receive_datagrams(int fd, int most, Py_ssize_t size) { return -1; }
static PyObject *received_data(int n) { return NULL; }
static PyObject *received_from(int n) { return NULL; }
static Py_ssize_t send_to_known(int fd, const void *data, Py_ssize_t length, PyObject *address, int family) { return -1; }
static int is_known(PyObject *address, int family) { return 0; }
#else
#include <sys/uio.h>

#ifdef __linux__
#define MOST_DATAGRAMS 32
#else
#define MOST_DATAGRAMS 1
#endif

/* The last addresses that were seen, as the system and as Python has them; which of them is where, by their bytes, and
   by the tuple. A program that answers a datagram gives back the tuple that it was given. */
typedef struct {
    Address address;
    socklen_t length;
    PyObject *tuple;
} KnownAddress;
#define KNOWN_ADDRESSES 512
static KnownAddress known_addresses[KNOWN_ADDRESSES];
static KnownAddress *known_by_tuple[KNOWN_ADDRESSES];
#define PLACE_OF(tuple) (((uintptr_t)(tuple) >> 5) % KNOWN_ADDRESSES)

static char *datagrams_room = NULL;
static Address senders[MOST_DATAGRAMS];
static socklen_t sender_lengths[MOST_DATAGRAMS];
static Py_ssize_t lengths[MOST_DATAGRAMS];

#ifdef __linux__
/* Several at once, without waiting. What the system leaves as it is stays filled in. */
static int receive_several(int fd, int most, size_t size) {
    static struct mmsghdr messages[MOST_DATAGRAMS];
    static struct iovec parts[MOST_DATAGRAMS];
    int n, got;
    for (n = 0; n < most; n++) {
        struct msghdr *header = &messages[n].msg_hdr;
        if (header->msg_iov == NULL) {
            parts[n].iov_base = datagrams_room + (size_t)n * LONGEST_DATAGRAM;
            header->msg_iov = &parts[n];
            header->msg_iovlen = 1;
            header->msg_name = &senders[n];
        }
        parts[n].iov_len = size;
        header->msg_namelen = sizeof(Address);
    }
    got = calls.recvmmsg(fd, messages, (unsigned int)most, MSG_DONTWAIT, NULL);
    for (n = 0; n < got; n++) {
        lengths[n] = (Py_ssize_t)messages[n].msg_len;
        sender_lengths[n] = messages[n].msg_hdr.msg_namelen;
    }
    return got;
}
#endif

/* Receive up to so many datagrams of up to so many bytes; their number, or -1 with errno. */
static int receive_datagrams(int fd, int most, Py_ssize_t size) {
    ssize_t count;
    if (datagrams_room == NULL) {
        /* What is not used takes no memory. */
        datagrams_room = (char *)malloc((size_t)MOST_DATAGRAMS * LONGEST_DATAGRAM);
        if (datagrams_room == NULL) {
            errno = ENOMEM;
            return -1;
        }
    }
    if (size > LONGEST_DATAGRAM) size = LONGEST_DATAGRAM;
#ifdef __linux__
    if (most > 1) return receive_several(fd, most < MOST_DATAGRAMS ? most : MOST_DATAGRAMS, (size_t)size);
#endif
    sender_lengths[0] = sizeof(Address);
    count = calls.recvfrom(fd, datagrams_room, (size_t)size, MSG_DONTWAIT, &senders[0].any, &sender_lengths[0]);
    lengths[0] = count;
    return count < 0 ? -1 : 1;
}

static PyObject *received_data(int n) {
    return PyBytes_FromStringAndSize(datagrams_room + (size_t)n * LONGEST_DATAGRAM, lengths[n]);
}

static unsigned int mixed(const Address *address) {
    unsigned int words[4], sum;
    if (address->any.sa_family == AF_INET) {
        sum = (unsigned int)address->in.sin_addr.s_addr ^ address->in.sin_port * 40503u;
    } else {
        memcpy(words, &address->in6.sin6_addr, sizeof words);
        sum = words[0] ^ words[1] * 31u ^ words[2] * 961u ^ words[3] * 29791u ^ address->in6.sin6_port * 40503u;
    }
    sum *= 2654435761u;
    return sum >> 16;
}

/* From whom a datagram that was received is. */
static PyObject *received_from(int n) {
    const Address *address = &senders[n];
    socklen_t length = sender_lengths[n];
    KnownAddress *known;
    PyObject *tuple;
    if (length == 0 || (address->any.sa_family != AF_INET && address->any.sa_family != AF_INET6)) return Py_NewRef(Py_None);
    known = &known_addresses[mixed(address) % KNOWN_ADDRESSES];
    if (known->tuple != NULL && known->length == length && memcmp(&known->address, address, length) == 0)
        return Py_NewRef(known->tuple);
    tuple = tuple_of_address(address);
    if (tuple == NULL) return NULL;
    Py_XSETREF(known->tuple, Py_NewRef(tuple));
    memcpy(&known->address, address, length);
    known->length = length;
    known_by_tuple[PLACE_OF(tuple)] = known;
    return tuple;
}

/* What the system calls an address that has been received from; NULL: not known any more, or of another family. */
static const KnownAddress *known_address(PyObject *tuple, int family) {
    const KnownAddress *known = known_by_tuple[PLACE_OF(tuple)];
    return known != NULL && known->tuple == tuple && known->address.any.sa_family == family ? known : NULL;
}

static int is_known(PyObject *tuple, int family) { return known_address(tuple, family) != NULL; }

static Py_ssize_t send_to_known(int fd, const void *data, Py_ssize_t length, PyObject *tuple, int family) {
    const KnownAddress *known = known_address(tuple, family);
    return calls.sendto(fd, data, (size_t)length, MSG_DONTWAIT, &known->address.any, known->length);
}
#endif

#endif
