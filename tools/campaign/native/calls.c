/* Lets one system call, or one allocation, of a thread fail: loaded with LD_PRELOAD, and told by `native.Calls` what and when.

   Calls are counted by name between campaign_begin() and campaign_end(), in the thread that called these. The one of the
   chosen name and number fails with an errno, or takes one byte only. A close that fails has closed, as on Linux.
   An allocation within a function that campaign_spare() was told of does not fail, as nobody would survive that.

   It also sets the clocks on or back, as far as this process can tell. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <stdarg.h>
#include <stddef.h>
#include <asm/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct sockaddr;
struct msghdr;
struct epoll_event;

#define NAMES(X)                                                                                     \
  X(socket) X(accept4) X(connect) X(bind) X(listen) X(recv) X(send) X(sendmsg) X(recvmsg)            \
  X(recvfrom) X(sendto) X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(eventfd) X(socketpair)         \
  X(pipe2) X(read) X(write) X(close) X(getsockopt) X(setsockopt) X(getsockname) X(getpeername)       \
  X(shutdown) X(sendfile) X(fcntl) X(ioctl) X(fork) X(waitpid) X(waitid) X(kill) X(dup) X(syscall) X(posix_spawnp) X(malloc)

enum {
#define AS_ENUM(name) in_##name,
  NAMES(AS_ENUM) how_many
};

static const char *const names[] = {
#define AS_STRING(name) #name,
    NAMES(AS_STRING) NULL};

/* What is told instead of a number of errno. */
enum { SHORT = -1 };

static __thread int on;
static __thread int chosen;
static __thread long number;
static __thread int told;
static __thread int was_spared;
static __thread long counts[how_many];

const char *campaign_name(int which) { return which < how_many ? names[which] : NULL; }

void campaign_begin(int which, long nth, int error) {
  for (int n = 0; n < how_many; n++)
    counts[n] = 0;
  was_spared = 0;
  chosen = which;
  number = nth;
  told = error;
  on = 1;
}

void campaign_end(long *counted) {
  on = 0;
  for (int n = 0; n < how_many; n++)
    counted[n] = counts[n];
}

/* Functions whose allocations do not fail, each from its first byte to behind its last. */
enum { MOST_SPARED = 16, MOST_FRAMES = 32 };
static const char *spared[MOST_SPARED][2];
static int how_many_spared;

void campaign_spare_none(void) { how_many_spared = 0; }

/* Return whether there is room for one more. */
int campaign_spare(const char *first, long size) {
  void *here[1];
  /* The first look at the stack loads a library, which takes memory. */
  backtrace(here, 1);
  if (how_many_spared == MOST_SPARED)
    return 0;
  spared[how_many_spared][0] = first;
  spared[how_many_spared++][1] = first + size;
  return 1;
}

/* Tell whether the allocation that was to fail since campaign_begin() was spared. */
int campaign_spared(void) { return was_spared; }

static int is_spared(void) {
  void *frames[MOST_FRAMES];
  if (!how_many_spared)
    return 0;
  for (int n = backtrace(frames, MOST_FRAMES); n--;)
    for (int m = 0; m < how_many_spared; m++)
      if ((const char *)frames[n] > spared[m][0] && (const char *)frames[n] <= spared[m][1])
        return 1;
  return 0;
}

/* Return what this call is to do: 0 for what it always does, an errno, or SHORT. */
static int fate(int which) {
  if (!on || ++counts[which] != number || which != chosen)
    return 0;
  if (which == in_malloc && is_spared()) {
    was_spared = 1;
    return 0;
  }
  return told;
}

static void *next(const char *name) {
  int kept = errno;
  void *found = dlsym(RTLD_NEXT, name);
  errno = kept;
  return found;
}

#define REAL(type, symbol, types)                                                                    \
  static type(*real) types;                                                                          \
  if (!real)                                                                                         \
    real = (type(*) types)next(symbol);

/* Fail, or go on. */
#define FATE(name)                                                                                   \
  int how = fate(in_##name);                                                                         \
  if (how > 0) {                                                                                     \
    errno = how;                                                                                     \
    return -1;                                                                                       \
  }

/* As FATE, of a connection: one that is said to be broken is. */
#define FATE_OF_CONNECTION(name)                                                                     \
  int how = fate(in_##name);                                                                         \
  if (how > 0) {                                                                                     \
    break_it(fd, how);                                                                               \
    errno = how;                                                                                     \
    return -1;                                                                                       \
  }

#define CLIP(size)                                                                                   \
  if (how == SHORT && size > 1)                                                                      \
    size = 1;

/* How shutdown() is told to end both directions. */
enum { BOTH = 2, SOCK_STREAM = 1 };

static void break_it(int fd, int how) {
  static int (*ask)(int, int, int, void *, unsigned *);
  REAL(int, "shutdown", (int, int))
  int kind = 0;
  unsigned size = sizeof kind;
  if (!ask)
    ask = (int (*)(int, int, int, void *, unsigned *))next("getsockopt");
  if (how != EPIPE && how != ECONNRESET && how != ETIMEDOUT && how != ENOTCONN)
    return;
  if (ask(fd, SOL_SOCKET, SO_TYPE, &kind, &size) || kind != SOCK_STREAM)
    return;
  /* The peer is to get a reset once it is closed. */
  static int (*set)(int, int, int, const void *, unsigned);
  if (!set)
    set = (int (*)(int, int, int, const void *, unsigned))next("setsockopt");
  const int linger[2] = {1, 0};
  set(fd, SOL_SOCKET, SO_LINGER, linger, sizeof linger);
  real(fd, BOTH);
}

#define PLAIN(type, name, types, parameters, arguments)                                              \
  type name parameters {                                                                             \
    REAL(type, #name, types)                                                                         \
    FATE(name)                                                                                       \
    return real arguments;                                                                           \
  }

PLAIN(int, socket, (int, int, int), (int a, int b, int c), (a, b, c))
PLAIN(int, accept4, (int, struct sockaddr *, unsigned *, int),
      (int fd, struct sockaddr *a, unsigned *n, int flags), (fd, a, n, flags))
PLAIN(int, connect, (int, const struct sockaddr *, unsigned),
      (int fd, const struct sockaddr *a, unsigned n), (fd, a, n))
PLAIN(int, bind, (int, const struct sockaddr *, unsigned),
      (int fd, const struct sockaddr *a, unsigned n), (fd, a, n))
PLAIN(int, listen, (int, int), (int fd, int backlog), (fd, backlog))
PLAIN(ssize_t, recvmsg, (int, struct msghdr *, int), (int fd, struct msghdr *m, int flags),
      (fd, m, flags))
PLAIN(int, epoll_create1, (int), (int flags), (flags))
PLAIN(int, epoll_ctl, (int, int, int, struct epoll_event *),
      (int e, int op, int fd, struct epoll_event *event), (e, op, fd, event))
PLAIN(int, epoll_wait, (int, struct epoll_event *, int, int),
      (int e, struct epoll_event *events, int most, int wait), (e, events, most, wait))
PLAIN(int, eventfd, (unsigned, int), (unsigned value, int flags), (value, flags))
PLAIN(int, socketpair, (int, int, int, int *), (int a, int b, int c, int *fds), (a, b, c, fds))
PLAIN(int, pipe2, (int[2], int), (int fds[2], int flags), (fds, flags))
PLAIN(int, getsockopt, (int, int, int, void *, unsigned *),
      (int fd, int level, int name, void *value, unsigned *n), (fd, level, name, value, n))
PLAIN(int, setsockopt, (int, int, int, const void *, unsigned),
      (int fd, int level, int name, const void *value, unsigned n), (fd, level, name, value, n))
PLAIN(int, getsockname, (int, struct sockaddr *, unsigned *),
      (int fd, struct sockaddr *a, unsigned *n), (fd, a, n))
PLAIN(int, getpeername, (int, struct sockaddr *, unsigned *),
      (int fd, struct sockaddr *a, unsigned *n), (fd, a, n))
PLAIN(pid_t, waitpid, (pid_t, int *, int), (pid_t pid, int *status, int flags), (pid, status, flags))
PLAIN(int, waitid, (int, unsigned, void *, int), (int kind, unsigned id, void *info, int flags),
      (kind, id, info, flags))
PLAIN(int, kill, (pid_t, int), (pid_t pid, int number), (pid, number))
PLAIN(int, dup, (int), (int fd), (fd))

ssize_t recv(int fd, void *to, size_t size, int flags) {
  REAL(ssize_t, "recv", (int, void *, size_t, int))
  FATE_OF_CONNECTION(recv)
  CLIP(size)
  return real(fd, to, size, flags);
}

ssize_t send(int fd, const void *from, size_t size, int flags) {
  REAL(ssize_t, "send", (int, const void *, size_t, int))
  FATE_OF_CONNECTION(send)
  CLIP(size)
  return real(fd, from, size, flags);
}

int shutdown(int fd, int what) {
  REAL(int, "shutdown", (int, int))
  FATE_OF_CONNECTION(shutdown)
  return real(fd, what);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(ssize_t, "sendmsg", (int, const struct msghdr *, int))
  FATE_OF_CONNECTION(sendmsg)
  return real(fd, message, flags);
}

ssize_t recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *a, unsigned *n) {
  REAL(ssize_t, "recvfrom", (int, void *, size_t, int, struct sockaddr *, unsigned *))
  FATE(recvfrom)
  return real(fd, to, size, flags, a, n);
}

ssize_t sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *a,
               unsigned n) {
  REAL(ssize_t, "sendto", (int, const void *, size_t, int, const struct sockaddr *, unsigned))
  FATE(sendto)
  return real(fd, from, size, flags, a, n);
}

ssize_t read(int fd, void *to, size_t size) {
  REAL(ssize_t, "read", (int, void *, size_t))
  FATE(read)
  CLIP(size)
  return real(fd, to, size);
}

ssize_t write(int fd, const void *from, size_t size) {
  REAL(ssize_t, "write", (int, const void *, size_t))
  FATE(write)
  CLIP(size)
  return real(fd, from, size);
}

static ssize_t send_file(const char *symbol, int to, int from, off_t *offset, size_t size) {
  REAL(ssize_t, symbol, (int, int, off_t *, size_t))
  FATE(sendfile)
  CLIP(size)
  return real(to, from, offset, size);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
  return send_file("sendfile", to, from, offset, size);
}

ssize_t sendfile64(int to, int from, off_t *offset, size_t size) {
  return send_file("sendfile64", to, from, offset, size);
}

int close(int fd) {
  REAL(int, "close", (int))
  int how = fate(in_close);
  int done = real(fd);
  if (how > 0) {
    errno = how;
    return -1;
  }
  return done;
}

static int control(const char *symbol, int which, int fd, unsigned long what, void *argument) {
  int how = fate(which);
  if (how > 0) {
    errno = how;
    return -1;
  }
  if (which == in_ioctl) {
    REAL(int, "ioctl", (int, unsigned long, ...))
    return real(fd, what, argument);
  }
  REAL(int, symbol, (int, int, ...))
  return real(fd, (int)what, argument);
}

#define WITH_ONE_MORE(name, kind, which)                                                             \
  int name(int fd, kind what, ...) {                                                                 \
    va_list list;                                                                                    \
    va_start(list, what);                                                                            \
    void *argument = va_arg(list, void *);                                                           \
    va_end(list);                                                                                    \
    return control(#name, which, fd, (unsigned long)what, argument);                                 \
  }

WITH_ONE_MORE(fcntl, int, in_fcntl)
WITH_ONE_MORE(fcntl64, int, in_fcntl)
WITH_ONE_MORE(ioctl, unsigned long, in_ioctl)

/* What runs in the child is not counted. vfork() returns twice into one frame, which no function can wrap. */
pid_t fork(void) {
  REAL(pid_t, "fork", (void))
  FATE(fork)
  pid_t made = real();
  if (!made)
    on = 0;
  return made;
}

pid_t vfork(void) { return fork(); }

int posix_spawnp(pid_t *pid, const char *file, const void *actions, const void *attributes,
                 char *const *argv, char *const *env) {
  REAL(int, "posix_spawnp",
       (pid_t *, const char *, const void *, const void *, char *const *, char *const *))
  int how = fate(in_posix_spawnp);
  return how > 0 ? how : real(pid, file, actions, attributes, argv, env);
}

/* Allocations, of all three kinds. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *former, size_t size);

void *malloc(size_t size) {
  int how = fate(in_malloc);
  if (how > 0) {
    errno = how;
    return NULL;
  }
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  int how = fate(in_malloc);
  if (how > 0) {
    errno = how;
    return NULL;
  }
  return __libc_calloc(count, size);
}

void *realloc(void *former, size_t size) {
  int how = fate(in_malloc);
  if (how > 0) {
    errno = how;
    return NULL;
  }
  return __libc_realloc(former, size);
}

/* Clocks, of all threads. */
static long long shifted_monotonic, shifted_wall;

void campaign_shift_clock(int wall, long long nanoseconds) {
  long long *shifted = wall ? &shifted_wall : &shifted_monotonic;
  __atomic_store_n(shifted, nanoseconds, __ATOMIC_RELAXED);
}

int clock_gettime(clockid_t which, struct timespec *now) {
  REAL(int, "clock_gettime", (clockid_t, struct timespec *))
  int failed = real(which, now);
  long long *shifted = which == CLOCK_REALTIME    ? &shifted_wall
                       : which == CLOCK_MONOTONIC ? &shifted_monotonic
                                                  : NULL;
  long long by = shifted ? __atomic_load_n(shifted, __ATOMIC_RELAXED) : 0;
  if (!failed && by) {
    long long all = now->tv_sec * 1000000000LL + now->tv_nsec + by;
    now->tv_sec = all / 1000000000;
    now->tv_nsec = all % 1000000000;
  }
  return failed;
}

/* pidfd_open() and the like. */
long syscall(long what, ...) {
  REAL(long, "syscall", (long, long, long, long, long, long, long))
  FATE(syscall)
  va_list list;
  long a[6];
  va_start(list, what);
  for (int n = 0; n < 6; n++)
    a[n] = va_arg(list, long);
  va_end(list);
  return real(what, a[0], a[1], a[2], a[3], a[4], a[5]);
}
