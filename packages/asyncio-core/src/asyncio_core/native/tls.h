/* What TLS does for each message, where all is as usual: the application's data is neither held up nor at its end, and
   nobody has put something in the place of a method. All else is done by the functions of Python, in asyncio_core.tls.

   The methods of ssl.SSLObject only pass on; what they pass on to is called here at once. */

#ifndef ASYNCIO_CORE_TLS_H
#define ASYNCIO_CORE_TLS_H

#include <Python.h>
#include <structmember.h>

#include "native/exceptions.h"
#include "native/interface.h"
#include "native/memory_bio.h"

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

/* Where the attributes are, as their classes' descriptors say. */
static struct {
    Py_ssize_t machine, transport, app_transport, app_protocol, is_buffer, app_reading_paused, delivery_is_due, read_high,
        ssl_reading_paused, ssl_writing_paused, room;
} in_layer;
static struct {
    Py_ssize_t state, incoming, outgoing, sslobj, peer_finished, eof, queue, failure;
} in_machine;
static struct {
    Py_ssize_t layer, closed, protocol_paused;
} in_app_transport;

typedef struct {
    const char *name;
    Py_ssize_t *offset;
} Place;

static Place layer_places[] = {
    {"_machine", &in_layer.machine},
    {"_transport", &in_layer.transport},
    {"_app_transport", &in_layer.app_transport},
    {"_app_protocol", &in_layer.app_protocol},
    {"_app_protocol_is_buffer", &in_layer.is_buffer},
    {"_app_reading_paused", &in_layer.app_reading_paused},
    {"_delivery_is_due", &in_layer.delivery_is_due},
    {"_read_high", &in_layer.read_high},
    {"_ssl_reading_paused", &in_layer.ssl_reading_paused},
    {"_ssl_writing_paused", &in_layer.ssl_writing_paused},
    {"_room", &in_layer.room},
    {NULL, NULL}};
static Place machine_places[] = {
    {"state", &in_machine.state},
    {"incoming", &in_machine.incoming},
    {"outgoing", &in_machine.outgoing},
    {"sslobj", &in_machine.sslobj},
    {"peer_finished", &in_machine.peer_finished},
    {"_eof", &in_machine.eof},
    {"_queue", &in_machine.queue},
    {"_failure", &in_machine.failure},
    {NULL, NULL}};
static Place app_transport_places[] = {
    {"_ssl_protocol", &in_app_transport.layer},
    {"_closed", &in_app_transport.closed},
    {"_protocol_paused", &in_app_transport.protocol_paused},
    {NULL, NULL}};

static int find_places(PyObject *type, const Place *place) {
    for (; place->name != NULL; place++) {
        PyObject *member = PyObject_GetAttrString(type, place->name);
        if (member == NULL) return -1;
        if (!Py_IS_TYPE(member, &PyMemberDescr_Type)) {
            PyErr_Format(PyExc_TypeError, "%R has no slot %s", type, place->name);
            Py_DECREF(member);
            return -1;
        }
        *place->offset = ((PyMemberDescrObject *)member)->d_member->offset;
        Py_DECREF(member);
    }
    return 0;
}

static inline void set_slot(PyObject *object, Py_ssize_t offset, PyObject *value) {
    PyObject *former = SLOT(object, offset);
    SLOT(object, offset) = Py_NewRef(value);
    Py_XDECREF(former);
}

/* A class, and what it has to have as it was for the quick way to be as good as the way that its methods go. */
typedef struct {
    PyTypeObject *type;
    PyObject *names;
    PyObject *originals;
    /* That of the class when it was looked at last, and all was in its place. */
    unsigned int version;
} Original;

static Original of_layer, of_machine, of_app_transport, of_sslobject;

static int remember(Original *original, PyObject *type, PyObject *names) {
    Py_ssize_t n, count = PyTuple_GET_SIZE(names);
    PyObject *originals = PyTuple_New(count);
    if (originals == NULL) return -1;
    for (n = 0; n < count; n++) {
        PyObject *found = _PyType_Lookup((PyTypeObject *)type, PyTuple_GET_ITEM(names, n));
        if (found == NULL) {
            PyErr_Format(PyExc_TypeError, "%R has no %R", type, PyTuple_GET_ITEM(names, n));
            Py_DECREF(originals);
            return -1;
        }
        PyTuple_SET_ITEM(originals, n, Py_NewRef(found));
    }
    Py_XSETREF(original->type, (PyTypeObject *)Py_NewRef(type));
    Py_XSETREF(original->names, Py_NewRef(names));
    Py_XSETREF(original->originals, originals);
    original->version = 0;
    return 0;
}

static int is_still_original(Original *original) {
    Py_ssize_t n;
    for (n = 0; n < PyTuple_GET_SIZE(original->names); n++)
        if (_PyType_Lookup(original->type, PyTuple_GET_ITEM(original->names, n)) != PyTuple_GET_ITEM(original->originals, n))
            return 0;
    /* Looking has given the class a version, unless there are no more. */
    original->version = original->type->tp_version_tag;
    return 1;
}

static inline int is_original(Original *original) {
    if (original->version != 0 && original->version == original->type->tp_version_tag) return 1;
    return is_still_original(original);
}

/* What `_ssl` has: a connection's own object, below its SSLObject, and the memory that it reads from and writes to. */
static PyTypeObject *inner_type = NULL, *bio_type = NULL;
static PyObject *inner_read, *inner_write, *inner_pending, *bio_read, *bio_write;
static PyGetSetDef *bio_pending;

/* What asyncio_core.tls has. */
static PyObject *state_wrapped, *again_errors, *zero_return_error, *pure_deliver, *pure_write;

static PyObject *str_inner, *str_data_received, *str_get_buffer, *str_buffer_updated, *str_write, *str_is_closing,
    *str_after_delivery, *str_delivery_failed, *str_control_reading, *str_fill, *str_encrypting_failed, *str_keep_rest;

/* The most that is received, and handed out, at once: SSLProtocol.max_size. */
#define MOST_AT_ONCE (256 * 1024)
/* The most that is encrypted at once: `_PIECE` in asyncio_core.tls.flow. */
static Py_ssize_t most_encrypted;
/* What is copied once more, as that costs less than to do without. */
#define MOST_COPIED (4 * 1024)
/* No record brings more, encrypted or not. */
#define ONE_RECORD (16 * 1024 + 2048)

/* Where transports receive, if not into what is lent. What comes is taken away at once, and nobody else runs in between. */
static char received_here[MOST_AT_ONCE];

/* What is lent for receiving and for sending. */
static Lent received, encrypted;

/* Some memory, as an object with a buffer; it is shown to `_ssl` and to nobody else. */
typedef struct {
    PyObject_HEAD
    char *start;
    Py_ssize_t size;
} Span;

static int span_buffer(PyObject *self, Py_buffer *view, int flags) {
    return PyBuffer_FillInfo(view, self, ((Span *)self)->start, ((Span *)self)->size, 0, flags);
}

static PyBufferProcs span_as_buffer = {span_buffer, NULL};

static PyTypeObject Span_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "asyncio_core._twins.span",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_as_buffer = &span_as_buffer,
};

static Span *spare_span = NULL;

static Span *take_span(char *start, Py_ssize_t size) {
    Span *span = spare_span;
    if (span == NULL)
        span = PyObject_New(Span, &Span_Type);
    else
        spare_span = NULL;
    if (span != NULL) {
        span->start = start;
        span->size = size;
    }
    return span;
}

static void drop_span(Span *span) {
    if (spare_span == NULL && Py_REFCNT(span) == 1)
        spare_span = span;
    else
        Py_DECREF(span);
}

/* Calls. */

static inline PyObject *call_on(PyObject *method, PyObject *object, PyObject *argument) {
    PyObject *arguments[2] = {object, argument};
    return PyObject_Vectorcall(method, arguments, argument == NULL ? 1 : 2, NULL);
}

static inline PyObject *call_named(PyObject *name, PyObject *object, PyObject *argument) {
    PyObject *arguments[2] = {object, argument};
    return PyObject_VectorcallMethod(name, arguments, (argument == NULL ? 1 : 2) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* 0 and the result gone, or -1. */
static inline int done(PyObject *result) {
    if (result == NULL) return -1;
    Py_DECREF(result);
    return 0;
}

static inline Py_ssize_t as_size(PyObject *number) {
    Py_ssize_t size;
    if (number == NULL) return -1;
    size = PyLong_AsSsize_t(number);
    Py_DECREF(number);
    return size;
}

/* The number of bytes in a BIO. It cannot fail but for want of memory. */
static inline Py_ssize_t pending_in(PyObject *bio) {
    Py_ssize_t size;
    if (openssl.reached) return pending_in_bio(bio_of(bio));
    size = as_size(bio_pending->get(bio, bio_pending->closure));
    if (size < 0) PyErr_Clear();
    return size;
}

/* The object of `_ssl` that a machine's SSLObject passes on to; borrowed. NULL: it has to be asked itself. */
static inline PyObject *inner_of(PyObject *machine) {
    PyObject *sslobj = SLOT(machine, in_machine.sslobj), *inner, **attributes;
    PyObject *incoming = SLOT(machine, in_machine.incoming), *outgoing = SLOT(machine, in_machine.outgoing);
    if (sslobj == NULL || Py_TYPE(sslobj) != of_sslobject.type || !is_original(&of_sslobject)) return NULL;
    if (incoming == NULL || Py_TYPE(incoming) != bio_type || outgoing == NULL || Py_TYPE(outgoing) != bio_type) return NULL;
    /* It has one attribute. Another one would be a method that somebody has put there. */
    attributes = _PyObject_GetDictPtr(sslobj);
    if (attributes == NULL || *attributes == NULL || PyDict_GET_SIZE(*attributes) != 1) return NULL;
    inner = PyDict_GetItemWithError(*attributes, str_inner);
    if (inner == NULL) {
        PyErr_Clear();
        return NULL;
    }
    return Py_TYPE(inner) == inner_type ? inner : NULL;
}

/* Whether the machine of a layer is one whose attributes can be read, and none of the methods is another one. */
static inline int is_usual(PyObject *layer) {
    PyObject *machine;
    if (Py_TYPE(layer) != of_layer.type || !is_original(&of_layer) || !is_original(&of_machine)) return 0;
    machine = SLOT(layer, in_layer.machine);
    return machine != NULL && Py_TYPE(machine) == of_machine.type;
}

/* Do something about an exception as in an `except` clause: call a method with it. */
static int tell_error(PyObject *layer, PyObject *method) {
    PyObject *error = caught(), *former;
    int status;
    if (error == NULL) return -1;
    former = handle_now(error);
    status = done(call_named(method, layer, error));
    handle_no_more(former);
    Py_DECREF(error);
    return status;
}

static inline int ends_the_program(void) {
    return PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
}

/* Reading. Functions give the number of bytes, or one of these. */
enum { FAILED = -1, REPORTED = -2 };

static Py_ssize_t delivery_failed(PyObject *layer) {
    if (ends_the_program()) return FAILED;
    return tell_error(layer, str_delivery_failed) < 0 ? FAILED : REPORTED;
}

/* Learn from the exception that is set, or from a result of nothing, why nothing more is read: 0. With `total` bytes read
   before, errors are kept for when these have been handed out. Without, -1. */
static int nothing_more(PyObject *machine, Py_ssize_t total) {
    if (PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(again_errors)) {
            PyErr_Clear();
            return 0;
        }
        if (!PyErr_ExceptionMatches(zero_return_error)) {
            PyObject *error;
            if (total == 0 || !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
            error = caught();
            set_slot(machine, in_machine.failure, error);
            Py_DECREF(error);
            return 0;
        }
        PyErr_Clear();
    }
    set_slot(machine, in_machine.peer_finished, Py_True);
    return 0;
}

static Py_ssize_t read_by_method(PyObject *inner, char *room, Py_ssize_t size) {
    Span *span = take_span(room, size);
    PyObject *number = span == NULL ? NULL : PyLong_FromSsize_t(size);
    PyObject *arguments[3] = {inner, number, (PyObject *)span};
    Py_ssize_t count = number == NULL ? -1 : as_size(PyObject_Vectorcall(inner_read, arguments, 3, NULL));
    Py_XDECREF(number);
    if (span != NULL) drop_span(span);
    return count;
}

/* Decrypt into memory from `total` on, until it is full or there is no more. -1 with an exception. Afterwards `*left`
   tells whether something decrypted may be left. */
static Py_ssize_t read_on(PyObject *machine, PyObject *inner, char *room, Py_ssize_t size, Py_ssize_t total, int *left) {
    PyObject *incoming = Py_NewRef(SLOT(machine, in_machine.incoming));
    *left = 0;
    while (total < size) {
        Py_ssize_t asked = size - total, count = -1;
        if (openssl.reads) {
            count = read_now(inner, room + total, asked);
            if (count == 0) break;
        }
        if (count < 0) count = read_by_method(inner, room + total, asked);
        if (count <= 0) {
            if (nothing_more(machine, total) < 0) total = -1;
            break;
        }
        total += count;
        if (count == asked) *left = 1;
        /* One call gives one record at most. To ask in vain costs an exception. */
        else if (pending_in(incoming) <= 0) break;
    }
    Py_DECREF(incoming);
    return total;
}

/* Decrypt up to `bound` bytes, of which there may be fewer. NULL without an exception: none. */
static PyObject *read_bytes(PyObject *machine, PyObject *inner, Py_ssize_t bound, int *left) {
    PyObject *data, *more;
    Py_ssize_t total = 0;
    *left = 0;
    if (bound > MOST_AT_ONCE) bound = MOST_AT_ONCE;
    if (bound <= ONE_RECORD) {
        /* One record, most of the time. */
        data = PyBytes_FromStringAndSize(NULL, bound);
        if (data == NULL) return NULL;
        total = openssl.reads ? read_now(inner, PyBytes_AS_STRING(data), bound) : -1;
        if (total <= 0) {
            int in_vain = total == 0;
            if (!in_vain) total = read_by_method(inner, PyBytes_AS_STRING(data), bound);
            if (total <= 0) {
                Py_DECREF(data);
                if (!in_vain) (void)nothing_more(machine, 0);
                return NULL;
            }
        }
        if (total < bound && _PyBytes_Resize(&data, total) < 0) return NULL;
        if (total == bound) {
            *left = 1;
            return data;
        }
        bound = pending_in(SLOT(machine, in_machine.incoming));
        if (bound <= 0) return data;
        bound += total;
        more = PyBytes_FromStringAndSize(NULL, bound);
        if (more == NULL) return data;
        memcpy(PyBytes_AS_STRING(more), PyBytes_AS_STRING(data), (size_t)total);
        Py_DECREF(data);
    } else {
        more = PyBytes_FromStringAndSize(NULL, bound);
        if (more == NULL) return NULL;
    }
    total = read_on(machine, inner, PyBytes_AS_STRING(more), bound, total, left);
    if (total <= 0) {
        Py_DECREF(more);
        return NULL;
    }
    if (total < bound) _PyBytes_Resize(&more, total);
    return more;
}

static Py_ssize_t deliver_bytes(PyObject *layer, PyObject *machine, PyObject *inner, Py_ssize_t bound, int *left) {
    PyObject *protocol, *data = read_bytes(machine, inner, bound, left);
    Py_ssize_t count;
    int status;
    if (data == NULL) return PyErr_Occurred() ? delivery_failed(layer) : 0;
    count = PyBytes_GET_SIZE(data);
    protocol = Py_NewRef(SLOT(layer, in_layer.app_protocol));
    status = done(call_named(str_data_received, protocol, data));
    Py_DECREF(protocol);
    Py_DECREF(data);
    return status < 0 ? delivery_failed(layer) : count;
}

static Py_ssize_t fill_purely(PyObject *layer, PyObject *machine, PyObject *room) {
    PyObject *arguments[3] = {layer, machine, room};
    return as_size(PyObject_VectorcallMethod(str_fill, arguments, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
}

static Py_ssize_t fill(PyObject *layer, PyObject *machine, PyObject *inner, PyObject *room, int *left) {
    Py_buffer view;
    Py_ssize_t count;
    *left = 1;
    if (!PyByteArray_CheckExact(room) && !PyMemoryView_Check(room)) return fill_purely(layer, machine, room);
    if (PyObject_GetBuffer(room, &view, PyBUF_WRITABLE) < 0) {
        /* What is wrong with it comes out there. */
        PyErr_Clear();
        return fill_purely(layer, machine, room);
    }
    if (view.len == 0 || view.ndim != 1) {
        PyBuffer_Release(&view);
        return fill_purely(layer, machine, room);
    }
    count = read_on(machine, inner, view.buf, view.len, 0, left);
    /* The protocol may release or resize its buffer now: no export of it is kept. */
    PyBuffer_Release(&view);
    return count;
}

static Py_ssize_t deliver_into_buffer(PyObject *layer, PyObject *machine, PyObject *inner, Py_ssize_t pending, int *left) {
    PyObject *protocol = Py_NewRef(SLOT(layer, in_layer.app_protocol)), *number, *room = NULL;
    Py_ssize_t count = -1;
    number = PyLong_FromSsize_t(pending ? pending : -1);
    if (number != NULL) {
        room = call_named(str_get_buffer, protocol, number);
        Py_DECREF(number);
    }
    if (room != NULL) {
        count = fill(layer, machine, inner, room, left);
        Py_DECREF(room);
    }
    if (count > 0) {
        number = PyLong_FromSsize_t(count);
        if (number == NULL || done(call_named(str_buffer_updated, protocol, number)) < 0) count = -1;
        Py_XDECREF(number);
    }
    Py_DECREF(protocol);
    return count < 0 ? delivery_failed(layer) : count;
}

/* Send what reading has left to be sent, and control how much is received: most of the time there is nothing to do. */
static int after_delivery(PyObject *layer, PyObject *machine, Py_ssize_t held) {
    PyObject *transport = SLOT(layer, in_layer.transport), *app_transport = SLOT(layer, in_layer.app_transport);
    PyObject *queue = SLOT(machine, in_machine.queue), *high;
    if (SLOT(layer, in_layer.machine) != machine || SLOT(machine, in_machine.state) != state_wrapped || transport == NULL ||
        transport == Py_None || app_transport == NULL || Py_TYPE(app_transport) != of_app_transport.type ||
        SLOT(app_transport, in_app_transport.protocol_paused) != Py_False || queue == NULL ||
        !PyByteArray_CheckExact(queue) || PyByteArray_GET_SIZE(queue) != 0 ||
        SLOT(machine, in_machine.peer_finished) != Py_False || Py_TYPE(SLOT(machine, in_machine.outgoing)) != bio_type ||
        pending_in(SLOT(machine, in_machine.outgoing)) != 0)
        return done(call_named(str_after_delivery, layer, machine));
    if (SLOT(layer, in_layer.ssl_reading_paused) == Py_False) {
        Py_ssize_t limit;
        high = SLOT(layer, in_layer.read_high);
        limit = high == NULL || !PyLong_CheckExact(high) ? -1 : PyLong_AsSsize_t(high);
        if (limit >= 0) {
            if (held < 0) held = pending_in(SLOT(machine, in_machine.incoming));
            if (held >= 0 && held < limit) return 0;
        } else
            PyErr_Clear();
    }
    return done(call_named(str_control_reading, layer, NULL));
}

static int deliver_purely(PyObject *layer) { return done(call_on(pure_deliver, layer, NULL)); }

static int deliver_from(PyObject *layer, PyObject *machine) {
    Py_ssize_t held = -1, bound, count;
    /* Whether something that is decrypted may be left, besides what is not. */
    int left = 1, first = 1;
    while (SLOT(machine, in_machine.state) == state_wrapped && SLOT(layer, in_layer.app_reading_paused) == Py_False &&
           SLOT(machine, in_machine.peer_finished) == Py_False) {
        PyObject *inner = inner_of(machine);
        if (inner == NULL || SLOT(machine, in_machine.failure) != Py_None || SLOT(machine, in_machine.eof) != Py_False ||
            SLOT(layer, in_layer.machine) != machine || SLOT(layer, in_layer.app_protocol) == NULL || !is_usual(layer))
            return deliver_purely(layer);
        held = bound = pending_in(SLOT(machine, in_machine.incoming));
        if (left && (held == 0 || !first)) {
            count = as_size(call_on(inner_pending, inner, NULL));
            if (count < 0) return -1;
            bound += count;
        }
        if (bound == 0) break;
        Py_INCREF(inner);
        if (SLOT(layer, in_layer.is_buffer) == Py_True)
            count = deliver_into_buffer(layer, machine, inner, held, &left);
        else
            count = deliver_bytes(layer, machine, inner, bound, &left);
        Py_DECREF(inner);
        if (count < 0) return count == REPORTED ? 0 : -1;
        /* The protocol may have done anything. But what is received meanwhile is handed out meanwhile. */
        if (count == 0 || (!left && SLOT(machine, in_machine.failure) == Py_None && SLOT(machine, in_machine.eof) == Py_False)) {
            held = left ? -1 : 0;
            break;
        }
        first = 0;
    }
    return after_delivery(layer, machine, held);
}

static int deliver(PyObject *layer) {
    PyObject *machine;
    int status;
    if (!is_usual(layer)) return deliver_purely(layer);
    machine = Py_NewRef(SLOT(layer, in_layer.machine));
    Py_INCREF(layer);
    status = deliver_from(layer, machine);
    Py_DECREF(layer);
    Py_DECREF(machine);
    return status;
}

static PyObject *deliver_method(PyObject *self, PyObject *nothing) {
    return deliver(self) < 0 ? NULL : Py_NewRef(Py_None);
}

/* Receiving: what a transport does instead of get_buffer() and buffer_updated(). */

/* Room in what is lent, behind what has been received of a record; NULL where there is none. */
static char *room_in_lent(PyObject *layer, PyObject *machine, Py_ssize_t *size) {
    BIO *bio;
    Memory *own;
    /* What waits for a protocol that has paused is not moved to and fro. */
    if (!openssl.reached || SLOT(layer, in_layer.app_reading_paused) != Py_False ||
        !can_lend(&received, MOST_AT_ONCE + ONE_RECORD))
        return NULL;
    bio = bio_of(SLOT(machine, in_machine.incoming));
    own = memory_of(bio);
    if (own == NULL || own->length > ONE_RECORD) return NULL;
    if (own->length != 0) memcpy(received.memory->data, own->data, own->length);
    received.memory->length = own->length;
    reserve(&received, bio, own);
    *size = MOST_AT_ONCE;
    return received.memory->data + received.memory->length;
}

/* Whether that is where the transport receives now; nobody else runs until it has. */
static int receives_into_lent;

static char *room_of_layer(PyObject *layer, Py_ssize_t *size) {
    PyObject *machine;
    char *room;
    if (!is_usual(layer) || SLOT(layer, in_layer.room) != Py_None) return NULL;
    machine = SLOT(layer, in_layer.machine);
    if (SLOT(machine, in_machine.state) != state_wrapped || inner_of(machine) == NULL) return NULL;
    room = room_in_lent(layer, machine, size);
    receives_into_lent = room != NULL;
    if (room != NULL) return room;
    *size = MOST_AT_ONCE;
    return received_here;
}

static int received_into_lent(PyObject *layer, PyObject *incoming, Py_ssize_t count) {
    int status = 0;
    if (count != 0) {
        received.memory->length += (size_t)count;
        Py_INCREF(incoming);
        lend(&received);
        status = deliver(layer);
        take_back(&received);
        Py_DECREF(incoming);
    }
    release(&received);
    return status;
}

static int received_by_layer(PyObject *layer, Py_ssize_t count) {
    PyObject *incoming = SLOT(SLOT(layer, in_layer.machine), in_machine.incoming);
    Span *span;
    int status;
    if (count != 0) set_slot(layer, in_layer.delivery_is_due, Py_False);
    if (receives_into_lent) return received_into_lent(layer, incoming, count);
    if (count == 0) return 0;
    span = take_span(received_here, count);
    if (span == NULL) return -1;
    status = done(call_on(bio_write, incoming, (PyObject *)span));
    drop_span(span);
    return status < 0 ? -1 : deliver(layer);
}

static const AsyncioReceiver tls_receiver = {"buffer_updated", room_of_layer, received_by_layer};

/* Writing. */

/* The number of bytes in what is written; -1 for what write() has to look at. */
static Py_ssize_t size_of_written(PyObject *data) {
    Py_buffer view;
    Py_ssize_t size = -1;
    if (PyBytes_CheckExact(data)) return PyBytes_GET_SIZE(data);
    if (PyByteArray_CheckExact(data)) return PyByteArray_GET_SIZE(data);
    if (!PyMemoryView_Check(data)) return -1;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        /* It has gaps, or is released. */
        PyErr_Clear();
        return -1;
    }
    if (view.itemsize == 1 && view.ndim == 1) size = view.len;
    PyBuffer_Release(&view);
    return size;
}

static inline int has_own(PyObject *object, PyObject *name) {
    PyObject **attributes = _PyObject_GetDictPtr(object);
    if (attributes == NULL || *attributes == NULL || PyDict_GET_SIZE(*attributes) == 0) return 0;
    return PyDict_Contains(*attributes, name) != 0;
}

/* The transport below, and how it sends; NULL: by its methods. */
typedef struct {
    PyObject *transport;
    const AsyncioSender *sender;
} Below;

/* Whether what is written can be encrypted and sent at once: 1, 0, or -1. */
static int can_send(PyObject *app_transport, PyObject *layer, PyObject *machine, Below *below) {
    PyObject *answer, *queue = SLOT(machine, in_machine.queue);
    int closing;
    if (SLOT(machine, in_machine.state) != state_wrapped || SLOT(app_transport, in_app_transport.closed) != Py_False ||
        SLOT(layer, in_layer.ssl_writing_paused) != Py_False || queue == NULL || !PyByteArray_CheckExact(queue) ||
        PyByteArray_GET_SIZE(queue) != 0)
        return 0;
    below->sender = sender_of(below->transport);
    if (below->sender != NULL && below->sender->is_free(below->transport)) return 1;
    answer = call_named(str_is_closing, below->transport, NULL);
    if (answer == NULL) return -1;
    closing = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return closing < 0 ? -1 : !closing;
}

/* Send from memory that is nobody's but ours. */
static int send_from(const Below *below, const char *data, Py_ssize_t size) {
    PyObject *output;
    int status;
    if (size == 0) return 0;
    if (below->sender != NULL && below->sender->is_free(below->transport))
        return below->sender->send(below->transport, data, size);
    output = PyBytes_FromStringAndSize(data, size);
    status = output == NULL ? -1 : done(call_named(str_write, below->transport, output));
    Py_XDECREF(output);
    return status;
}

/* Send what is in the BIO, which nothing is lent to. */
static int send_output(const Below *below, PyObject *outgoing) {
    PyObject *output;
    int status = 0;
    if (openssl.reached) {
        /* Room for what comes of a little. */
        char data[MOST_COPIED + 512];
        int size;
        do {
            size = openssl.bio_read(bio_of(outgoing), data, sizeof(data));
            if (size > 0 && send_from(below, data, size) < 0) return -1;
        } while (size == sizeof(data));
        return 0;
    }
    output = call_on(bio_read, outgoing, NULL);
    if (output == NULL || (PyBytes_GET_SIZE(output) != 0 && done(call_named(str_write, below->transport, output)) < 0))
        status = -1;
    Py_XDECREF(output);
    return status;
}

/* Have what is encrypted now come into what is lent. 0 where it cannot. */
static int lend_for_output(PyObject *outgoing) {
    BIO *bio = bio_of(outgoing);
    Memory *own;
    if (!can_lend(&encrypted, 1) || (own = memory_of(bio)) == NULL || own->length != 0) return 0;
    reserve(&encrypted, bio, own);
    lend(&encrypted);
    return 1;
}

/* Encrypt a piece, and hand what comes of it to the transport below. Gives the number of bytes taken. */
static Py_ssize_t encrypt(PyObject *layer, PyObject *machine, PyObject *inner, PyObject *data, Py_ssize_t size, Below below) {
    PyObject *transport, *outgoing = Py_NewRef(SLOT(machine, in_machine.outgoing));
    /* It costs more to lend memory than to copy a little. */
    int lent = openssl.reached && size > MOST_COPIED && lend_for_output(outgoing), status = 0, is_over;
    Py_ssize_t taken = as_size(call_on(inner_write, inner, data)), length = 0;
    if (taken < 0 && PyErr_ExceptionMatches(again_errors)) {
        /* It has to wait for a renegotiation, to which there may be something to be said. */
        PyErr_Clear();
        taken = 0;
    }
    transport = SLOT(layer, in_layer.transport);
    is_over = taken < 0 || SLOT(layer, in_layer.machine) != machine || transport == NULL || transport == Py_None;
    if (!is_over && transport != below.transport) {
        below.transport = transport;
        below.sender = sender_of(transport);
    }
    if (lent) {
        if (!is_over) length = take_out(&encrypted);
        take_back(&encrypted);
    }
    if (!is_over) {
        Py_INCREF(below.transport);
        if (lent) status = send_from(&below, encrypted.memory->data, length);
        else if (taken != 0 || pending_in(outgoing) > 0) status = send_output(&below, outgoing);
        Py_DECREF(below.transport);
    }
    if (lent) release(&encrypted);
    Py_DECREF(outgoing);
    return status < 0 ? -1 : taken;
}

static int keep_rest(PyObject *layer, PyObject *machine, PyObject *data, Py_ssize_t taken) {
    PyObject *number = PyLong_FromSsize_t(taken);
    PyObject *arguments[4] = {layer, machine, data, number};
    int status = number == NULL ? -1 : done(PyObject_VectorcallMethod(str_keep_rest, arguments,
                                                                      4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
    Py_XDECREF(number);
    return status;
}

/* Encrypt and send a piece after the other, as long as the transport below takes them. */
static Py_ssize_t encrypt_pieces(PyObject *layer, PyObject *machine, PyObject *inner, PyObject *data, Below below) {
    Py_buffer view;
    Py_ssize_t sent = 0;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) return -1;
    while (sent < view.len && SLOT(layer, in_layer.ssl_writing_paused) == Py_False) {
        Py_ssize_t left = view.len - sent, size = left < most_encrypted ? left : most_encrypted, taken = -1;
        Span *span = take_span((char *)view.buf + sent, size);
        if (span != NULL) {
            taken = encrypt(layer, machine, inner, (PyObject *)span, size, below);
            drop_span(span);
        }
        if (taken < 0) sent = -1;
        if (taken <= 0) break;
        sent += taken;
    }
    PyBuffer_Release(&view);
    return sent;
}

static int write_to(PyObject *layer, PyObject *machine, PyObject *inner, PyObject *data, Py_ssize_t size, Below below) {
    Py_ssize_t taken = size <= most_encrypted ? encrypt(layer, machine, inner, data, size, below)
                                              : encrypt_pieces(layer, machine, inner, data, below);
    if (taken < 0) return PyErr_ExceptionMatches(PyExc_Exception) ? tell_error(layer, str_encrypting_failed) : -1;
    return taken < size ? keep_rest(layer, machine, data, taken) : 0;
}

/* 1: done. 0: the function of Python has to. -1: an exception. */
static int write_at_once(PyObject *app_transport, PyObject *data) {
    PyObject *layer, *machine, *inner;
    Below below;
    Py_ssize_t size = size_of_written(data);
    int status;
    if (size < 0) return 0;
    if (Py_TYPE(app_transport) != of_app_transport.type || !is_original(&of_app_transport) ||
        has_own(app_transport, str_is_closing))
        return 0;
    if (size == 0) return 1;
    layer = SLOT(app_transport, in_app_transport.layer);
    if (layer == NULL || !is_usual(layer)) return 0;
    machine = SLOT(layer, in_layer.machine);
    below.transport = SLOT(layer, in_layer.transport);
    inner = inner_of(machine);
    if (inner == NULL || below.transport == NULL || below.transport == Py_None) return 0;
    Py_INCREF(layer);
    Py_INCREF(machine);
    Py_INCREF(inner);
    Py_INCREF(below.transport);
    status = can_send(app_transport, layer, machine, &below);
    if (status > 0 && write_to(layer, machine, inner, data, size, below) < 0) status = -1;
    Py_DECREF(below.transport);
    Py_DECREF(inner);
    Py_DECREF(machine);
    Py_DECREF(layer);
    return status;
}

static PyObject *write_method(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names) {
    PyObject *call, *result;
    Py_ssize_t n, total;
    if (count == 1 && names == NULL) {
        int status = write_at_once(self, arguments[0]);
        if (status != 0) return status < 0 ? NULL : Py_NewRef(Py_None);
        PyObject *both[2] = {self, arguments[0]};
        return PyObject_Vectorcall(pure_write, both, 2, NULL);
    }
    total = count + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
    call = PyTuple_New(total + 1);
    if (call == NULL) return NULL;
    PyTuple_SET_ITEM(call, 0, Py_NewRef(self));
    for (n = 0; n < total; n++) PyTuple_SET_ITEM(call, n + 1, Py_NewRef(arguments[n]));
    result = PyObject_Vectorcall(pure_write, &PyTuple_GET_ITEM(call, 0), (size_t)count + 1, names);
    Py_DECREF(call);
    return result;
}

/* Taking the classes over. */

static PyMethodDef deliver_definition = {"_deliver", deliver_method, METH_NOARGS, "_deliver($self, /)\n--\n\n"};
static PyMethodDef write_definition = {
    "write", (PyCFunction)(void (*)(void))write_method, METH_FASTCALL | METH_KEYWORDS,
    "write($self, /, data)\n--\n\nEncrypt and send `data`, and keep what cannot be sent yet."};

static int put_in_place(PyObject *type, PyMethodDef *definition, PyObject **pure) {
    PyObject *method, *former = PyObject_GetAttrString(type, definition->ml_name);
    int status;
    if (former == NULL) return -1;
    Py_XSETREF(*pure, former);
    method = PyDescr_NewMethod((PyTypeObject *)type, definition);
    status = method == NULL ? -1 : PyObject_SetAttrString(type, definition->ml_name, method);
    Py_XDECREF(method);
    return status;
}

static int intern(PyObject **name, const char *text) {
    if (*name == NULL) *name = PyUnicode_InternFromString(text);
    return *name == NULL ? -1 : 0;
}

static int intern_names(void) {
    return intern(&str_inner, "_sslobj") < 0 || intern(&str_data_received, "data_received") < 0 ||
                   intern(&str_get_buffer, "get_buffer") < 0 || intern(&str_buffer_updated, "buffer_updated") < 0 ||
                   intern(&str_write, "write") < 0 || intern(&str_is_closing, "is_closing") < 0 ||
                   intern(&str_after_delivery, "_after_delivery") < 0 ||
                   intern(&str_delivery_failed, "_delivery_failed") < 0 ||
                   intern(&str_control_reading, "_control_reading") < 0 || intern(&str_fill, "_fill") < 0 ||
                   intern(&str_encrypting_failed, "_encrypting_failed") < 0 || intern(&str_keep_rest, "_keep_rest") < 0
               ? -1 : 0;
}

static int take_method(PyObject **method, PyObject *type, const char *name) {
    PyObject *found = PyObject_GetAttrString(type, name);
    if (found == NULL) return -1;
    if (!Py_IS_TYPE(found, &PyMethodDescr_Type)) {
        PyErr_Format(PyExc_TypeError, "%R has no method %s of C", type, name);
        Py_DECREF(found);
        return -1;
    }
    Py_XSETREF(*method, found);
    return 0;
}

/* The classes of `_ssl`, and their methods. */
static int know_ssl(PyObject *inner, PyObject *bio) {
    PyObject *pending;
    if (PyType_Ready(&Span_Type) < 0 || !PyType_Check(inner) || !PyType_Check(bio) ||
        take_method(&inner_read, inner, "read") < 0 || take_method(&inner_write, inner, "write") < 0 ||
        take_method(&inner_pending, inner, "pending") < 0 || take_method(&bio_read, bio, "read") < 0 ||
        take_method(&bio_write, bio, "write") < 0)
        return -1;
    pending = PyObject_GetAttrString(bio, "pending");
    if (pending == NULL) return -1;
    if (!Py_IS_TYPE(pending, &PyGetSetDescr_Type)) {
        PyErr_Format(PyExc_TypeError, "%R is no attribute of C", pending);
        Py_DECREF(pending);
        return -1;
    }
    /* The class keeps it. */
    bio_pending = ((PyGetSetDescrObject *)pending)->d_getset;
    Py_DECREF(pending);
    Py_XSETREF(inner_type, (PyTypeObject *)Py_NewRef(inner));
    Py_XSETREF(bio_type, (PyTypeObject *)Py_NewRef(bio));
    return 0;
}

static int know_tls(PyObject *layer, PyObject *machine, PyObject *app_transport) {
    if (intern_names() < 0 || find_places(layer, layer_places) < 0 || find_places(machine, machine_places) < 0 ||
        find_places(app_transport, app_transport_places) < 0 ||
        put_in_place(layer, &deliver_definition, &pure_deliver) < 0 ||
        put_in_place(app_transport, &write_definition, &pure_write) < 0)
        return -1;
    return 0;
}

#endif
