# Records of a trace: eight integers each, in pieces of memory that are used again.

cdef enum:
    NUMBERS = 8
    RECORD_SIZE = 64
    RECORDS_IN_PIECE = 4096


cdef struct Piece:
    Piece* following
    long long numbers[NUMBERS * RECORDS_IN_PIECE]


@cython.final
cdef class Records:
    """Records of eight integers each, in a row."""

    # All but the last are full; what was taken of the first, and what is in the last.
    cdef Piece* first
    cdef Piece* last
    cdef Py_ssize_t taken
    cdef Py_ssize_t in_last
    # Empty ones.
    cdef Piece* spare
    cdef Py_ssize_t count
    cdef Py_ssize_t most
    cdef long long nowhere[NUMBERS]
    # How many had no room.
    cdef public long long lost

    def __init__(self, most):
        """Hold no more than so many at once."""
        self.most = most

    def __dealloc__(self):
        drop_pieces(self.first)
        drop_pieces(self.spare)

    def __len__(self):
        return self.count

    def append(self, tuple record, /):
        """Add one."""
        cdef long long* place = one_more(self)
        for n in range(NUMBERS):
            place[n] = record[n]

    def take(self, Py_ssize_t most, /):
        """Return the bytes of the first ones, no more than `most`, which are in here no longer."""
        parts = []
        while most > 0 and self.count:
            part = first_records(self, most)
            most -= len(part) // RECORD_SIZE
            parts.append(part)
        return b"".join(parts)


cdef bytes first_records(Records records, Py_ssize_t most):
    """Take as many as there are in the first piece, which is not needed any more where all are taken."""
    cdef Piece* piece = records.first
    cdef Py_ssize_t there = records.in_last if piece is records.last else RECORDS_IN_PIECE
    cdef Py_ssize_t taken = min(most, there - records.taken)
    numbers = (<char*>(piece.numbers + NUMBERS * records.taken))[: taken * RECORD_SIZE]
    records.taken += taken
    records.count -= taken
    if records.taken == there:
        records.taken = 0
        if piece is records.last:
            records.in_last = 0
        else:
            records.first = piece.following
            piece.following = records.spare
            records.spare = piece
    return numbers


cdef void drop_pieces(Piece* piece) noexcept:
    cdef Piece* following
    while piece is not NULL:
        following = piece.following
        PyMem_Free(piece)
        piece = following


cdef inline long long* one_more(Records records) noexcept:
    """Return the place of one more record; one that nobody reads where there are too many."""
    cdef long long* place
    if records.last is NULL or records.in_last == RECORDS_IN_PIECE:
        if not one_more_piece(records):
            records.lost += 1
            return records.nowhere
    place = records.last.numbers + NUMBERS * records.in_last
    records.in_last += 1
    records.count += 1
    return place


cdef bint one_more_piece(Records records) noexcept:
    cdef Piece* piece = records.spare
    if records.count >= records.most:
        return False
    if piece is not NULL:
        records.spare = piece.following
    else:
        piece = <Piece*>PyMem_Malloc(sizeof(Piece))
        if piece is NULL:
            return False
    piece.following = NULL
    if records.last is NULL:
        records.first = piece
    else:
        records.last.following = piece
    records.last = piece
    records.in_last = 0
    return True


# What is numbered once: by where it is, with what keeps it there.

cdef struct Numbered:
    size_t key
    PyObject* kept
    long long number


@cython.final
cdef class Numbers:
    """Numbers of names and of tasks."""

    cdef Numbered* entries
    # There is a power of two of them; this is one less.
    cdef size_t mask
    cdef size_t count

    def __cinit__(self):
        self.entries = <Numbered*>PyMem_Calloc(64, sizeof(Numbered))
        if self.entries is NULL:
            raise MemoryError
        self.mask = 63

    def __dealloc__(self):
        cdef size_t n
        if self.entries is not NULL:
            for n in range(self.mask + 1):
                Py_XDECREF(self.entries[n].kept)
            PyMem_Free(self.entries)


cdef inline Numbered* numbered(Numbers numbers, size_t key) noexcept:
    """Return the entry of a key, which has none of its own where it is 0."""
    cdef size_t place = (key >> 4) ^ (key >> 13)
    while True:
        place &= numbers.mask
        if numbers.entries[place].key == key or not numbers.entries[place].key:
            return &numbers.entries[place]
        place += 1


cdef int give_number(Numbers numbers, size_t key, object kept, long long number) except -1:
    cdef Numbered* entry
    cdef PyObject* former
    if 2 * numbers.count > numbers.mask:
        make_room(numbers)
    entry = numbered(numbers, key)
    if not entry.key:
        numbers.count += 1
    former = entry.kept
    Py_INCREF(kept)
    entry.key, entry.kept, entry.number = key, <PyObject*>kept, number
    Py_XDECREF(former)
    return 0


cdef int make_room(Numbers numbers) except -1:
    cdef size_t n, former_mask = numbers.mask
    cdef Numbered* former = numbers.entries
    cdef Numbered* entries = <Numbered*>PyMem_Calloc(2 * (former_mask + 1), sizeof(Numbered))
    if entries is NULL:
        raise MemoryError
    numbers.entries, numbers.mask = entries, 2 * former_mask + 1
    for n in range(former_mask + 1):
        if former[n].key:
            numbered(numbers, former[n].key)[0] = former[n]
    PyMem_Free(former)
    return 0
