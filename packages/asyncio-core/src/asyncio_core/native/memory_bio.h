/* The memory of an ssl.MemoryBIO, without the copies that its methods make, and reading without the exception that the
   method of `_ssl` raises where nothing is there yet, which takes ten thousand instructions.

   OpenSSL lets the memory of such a BIO be looked at and replaced, BIO_get_mem_ptr(3) and BIO_set_mem_buf(3). One piece of
   memory for all connections is lent to a BIO for the time of one message, so that idle connections hold none. What the
   interpreter's own `_ssl` is linked with is asked for by name; where that cannot be had, `reached` stays false, and the
   methods are called. */

#ifndef ASYNCIO_CORE_MEMORY_BIO_H
#define ASYNCIO_CORE_MEMORY_BIO_H

#include <Python.h>
#ifndef _WIN32
#include <dlfcn.h>
#endif

/* As `openssl/bio.h` and `openssl/buffer.h` have them; they are part of OpenSSL's binary interface. */
typedef struct bio_st BIO;
typedef struct {
    size_t length;
    char *data;
    size_t max;
    unsigned long flags;
} Memory;
enum { BIO_CTRL_SET_CLOSE = 9, BIO_CTRL_PENDING = 10, BIO_C_SET_BUF_MEM = 114, BIO_C_GET_BUF_MEM_PTR = 115 };
enum { BIO_NOCLOSE = 0, BIO_CLOSE = 1 };
typedef struct ssl_st SSL;
enum { SSL_ERROR_WANT_READ = 2 };

static struct {
    /* Whether the functions below are there, and whether they are to be used. */
    int found, reached;
    /* The same for reading. */
    int can_read, reads;
    int (*bio_read)(BIO *bio, void *data, int size);
    long (*bio_ctrl)(BIO *bio, int command, long number, void *pointer);
    Memory *(*new_memory)(void);
    size_t (*grow)(Memory *memory, size_t length);
    void (*free_memory)(Memory *memory);
    int (*ssl_read)(SSL *ssl, void *room, int size);
    int (*ssl_get_error)(const SSL *ssl, int result);
    BIO *(*ssl_get_rbio)(const SSL *ssl);
    BIO *(*ssl_get_wbio)(const SSL *ssl);
} openssl;

/* What `_ssl` has behind a MemoryBIO. */
typedef struct {
    PyObject_HEAD
    BIO *bio;
    int eof_written;
} MemoryBIO;

/* What it has behind a connection, at the beginning. */
typedef struct {
    PyObject_HEAD
    PyObject *socket;
    SSL *ssl;
    PyObject *context;
} Connection;

static inline BIO *bio_of(PyObject *memory_bio) { return ((MemoryBIO *)memory_bio)->bio; }

static inline Py_ssize_t pending_in_bio(BIO *bio) {
    return (Py_ssize_t)openssl.bio_ctrl(bio, BIO_CTRL_PENDING, 0, NULL);
}

/* The memory of a BIO, which begins with the first byte that has not been read. */
static inline Memory *memory_of(BIO *bio) {
    Memory *memory = NULL;
    openssl.bio_ctrl(bio, BIO_C_GET_BUF_MEM_PTR, 0, &memory);
    return memory;
}

/* Decrypt. 0: nothing is there yet. -1: the method of `_ssl` has to be called, which says why; what OpenSSL has noted of
   an error is still there, and does not happen again. */
static inline Py_ssize_t read_now(PyObject *connection, char *room, Py_ssize_t size) {
    SSL *ssl = ((Connection *)connection)->ssl;
    int count = openssl.ssl_read(ssl, room, size > INT_MAX ? INT_MAX : (int)size);
    if (count > 0) return count;
    return openssl.ssl_get_error(ssl, count) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* One piece of memory that is lent to one BIO at a time, and what that one has of its own. */
typedef struct {
    Memory *memory;
    Memory *own;
    BIO *borrower;
} Lent;

/* Whether there is memory that can be lent. With room for `size` bytes, not one of which is used. */
static int can_lend(Lent *lent, size_t size) {
    if (lent->borrower != NULL) return 0;
    if (lent->memory == NULL) {
        lent->memory = openssl.new_memory();
        if (lent->memory == NULL) return 0;
    }
    if (lent->memory->max < size && openssl.grow(lent->memory, size) == 0) return 0;
    lent->memory->length = 0;
    return 1;
}

/* From here on what is lent is in use, though the BIO has not got it yet. */
static inline void reserve(Lent *lent, BIO *bio, Memory *own) {
    lent->borrower = bio;
    lent->own = own;
}

/* Have the BIO use it, with the bytes that are in there, instead of its own memory and what is in that. */
static inline void lend(Lent *lent) {
    lent->own->length = 0;
    /* It is not freed as the BIO lets it go. */
    openssl.bio_ctrl(lent->borrower, BIO_CTRL_SET_CLOSE, BIO_NOCLOSE, NULL);
    openssl.bio_ctrl(lent->borrower, BIO_C_SET_BUF_MEM, BIO_NOCLOSE, lent->memory);
}

/* What the BIO has is the lender's now, who finds it at the beginning of what is lent. Gives the number of bytes. */
static inline Py_ssize_t take_out(Lent *lent) {
    Memory *memory = memory_of(lent->borrower);
    Py_ssize_t size = (Py_ssize_t)memory->length;
    memory->length = 0;
    return size;
}

/* A connection that once held much does not go on doing so. */
#define MOST_KEPT (32 * 1024)

/* Give the BIO its own memory again, with what has not been read. */
static void take_back(Lent *lent) {
    Memory *own = lent->own, *memory = memory_of(lent->borrower);
    if (memory->length != 0) {
        if (openssl.grow(own, memory->length) == 0) {
            /* There is no memory to be had: it keeps what was lent, which is replaced when there is. */
            openssl.bio_ctrl(lent->borrower, BIO_CTRL_SET_CLOSE, BIO_CLOSE, NULL);
            openssl.free_memory(own);
            lent->memory = NULL;
            return;
        }
        memcpy(own->data, memory->data, memory->length);
        memory->length = 0;
    } else if (own->max > MOST_KEPT) {
        Memory *less = openssl.new_memory();
        if (less != NULL) {
            openssl.free_memory(own);
            own = less;
        }
    }
    openssl.bio_ctrl(lent->borrower, BIO_C_SET_BUF_MEM, BIO_CLOSE, own);
}

static inline void release(Lent *lent) {
    lent->borrower = NULL;
    lent->own = NULL;
}

/* Setting up. */

static int holds(PyObject *memory_bio, const char *text) {
    PyObject *data = PyObject_CallMethod(memory_bio, "read", NULL);
    int same = data != NULL && PyBytes_CheckExact(data) && strcmp(PyBytes_AS_STRING(data), text) == 0;
    if (data == NULL) PyErr_Clear();
    Py_XDECREF(data);
    return same;
}

/* Whether a BIO takes and gives memory as it is thought to. */
static int works_with(PyObject *memory_bio) {
    static Lent trial;
    PyObject *count = PyObject_CallMethod(memory_bio, "write", "y", "12345");
    Memory *own;
    int works;
    if (count == NULL) {
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(count);
    own = memory_of(bio_of(memory_bio));
    if (own == NULL || own->length != 5 || memcmp(own->data, "12345", 5) != 0 || !can_lend(&trial, 100)) return 0;
    reserve(&trial, bio_of(memory_bio), own);
    memcpy(trial.memory->data, "678", 3);
    trial.memory->length = 3;
    lend(&trial);
    works = pending_in_bio(trial.borrower) == 3 && holds(memory_bio, "678") && pending_in_bio(trial.borrower) == 0;
    take_back(&trial);
    release(&trial);
    openssl.free_memory(trial.memory);
    trial.memory = NULL;
    return works && holds(memory_bio, "");
}

#ifdef _WIN32
static int find_openssl(const char *path) { return 0; }
#else
static int find_openssl(const char *path) {
    /* It is loaded already; what it is linked with is looked through too. */
    void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) return 0;
    *(void **)&openssl.bio_ctrl = dlsym(library, "BIO_ctrl");
    *(void **)&openssl.bio_read = dlsym(library, "BIO_read");
    *(void **)&openssl.new_memory = dlsym(library, "BUF_MEM_new");
    *(void **)&openssl.grow = dlsym(library, "BUF_MEM_grow");
    *(void **)&openssl.free_memory = dlsym(library, "BUF_MEM_free");
    *(void **)&openssl.ssl_read = dlsym(library, "SSL_read");
    *(void **)&openssl.ssl_get_error = dlsym(library, "SSL_get_error");
    *(void **)&openssl.ssl_get_rbio = dlsym(library, "SSL_get_rbio");
    *(void **)&openssl.ssl_get_wbio = dlsym(library, "SSL_get_wbio");
    return openssl.bio_ctrl != NULL && openssl.bio_read != NULL && openssl.new_memory != NULL && openssl.grow != NULL &&
           openssl.free_memory != NULL;
}
#endif

/* Find out whether the memory of this class's objects can be reached. `path` is where `_ssl` has been loaded from. */
static int reach_memory(PyObject *type, const char *path) {
    PyObject *memory_bio;
    openssl.found = openssl.reached = openssl.can_read = openssl.reads = 0;
    if (((PyTypeObject *)type)->tp_basicsize != sizeof(MemoryBIO) || !find_openssl(path)) return 0;
    memory_bio = PyObject_CallNoArgs(type);
    if (memory_bio == NULL) return -1;
    openssl.found = openssl.reached = bio_of(memory_bio) != NULL && works_with(memory_bio);
    Py_DECREF(memory_bio);
    return 0;
}

/* Find out whether a connection is what it is thought to be: `context` has made it over these two. */
static void reach_connection(PyObject *connection, PyObject *context, PyObject *incoming, PyObject *outgoing) {
    const Connection *found = (const Connection *)connection;
    if (!openssl.found || openssl.ssl_read == NULL || openssl.ssl_get_error == NULL || openssl.ssl_get_rbio == NULL ||
        openssl.ssl_get_wbio == NULL || Py_TYPE(connection)->tp_basicsize < (Py_ssize_t)sizeof(Connection))
        return;
    /* Between the socket, which it has none of, and the context there is nothing else. */
    openssl.can_read = openssl.reads = found->socket == NULL && found->ssl != NULL && found->context == context &&
                                       openssl.ssl_get_rbio(found->ssl) == bio_of(incoming) &&
                                       openssl.ssl_get_wbio(found->ssl) == bio_of(outgoing);
}

static int use_memory(int yes) {
    int former = openssl.reached;
    openssl.reads = openssl.can_read && yes;
    openssl.reached = openssl.found && yes;
    return former;
}

#endif
