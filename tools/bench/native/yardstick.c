/* The least that a server of `bench echo` can do, in C with epoll: what the others are held against.

   Reads lines of JSON from its input, as the measured Python does (served.py):
     {"case": NAME, "kind": KIND, "certificate": FILE}  starts a server: {"port": PORT}; the kinds are those of load.c
     {"begin": TITLE}, {"end": TITLE}                   valgrind counts from here, up to here: {}
     {"messages": N}                                    so many children, where there are no clients
     {"stop": true}                                     closes everything: {}
   It sends back what it gets, as it comes, and knows nothing of lines or frames. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef COUNTING
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(title) ((void)(title))
#define CALLGRIND_STOP_INSTRUMENTATION
#endif
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

enum { EVENTS = 256, CHUNK = 1 << 18, BACKLOG = 4096, WORDS = 4096 };

typedef struct Connection {
    int fd;
    unsigned char *rest; /* what could not be sent at once; nothing is read until it is gone */
    size_t rest_size, rest_sent;
    struct Connection *before, *after;
#ifdef WITH_TLS
    SSL *tls;
    bool greeted;
#endif
} Connection;

static int poller, listener = -1;
static bool for_datagrams, for_accepting, over_tls;
static unsigned char buffer[CHUNK];
static Connection *all;
#ifdef WITH_TLS
static SSL_CTX *tls_context;
#endif
/* Their addresses are what epoll says of the two that are no connections. */
static char input, listening;

static void answer(const char *text)
{
    puts(text);
    fflush(stdout);
}

static void watch(int how, int fd, uint32_t events, void *what)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    epoll_ctl(poller, how, fd, &event);
}

static void drop(Connection *c)
{
#ifdef WITH_TLS
    SSL_free(c->tls);
#endif
    close(c->fd);
    *(c->before ? &c->before->after : &all) = c->after;
    if (c->after)
        c->after->before = c->before;
    free(c->rest);
    free(c);
}

/* put() and get(): -1 is the end, 0 wait. */
#ifdef WITH_TLS
static ssize_t tls_result(Connection *c, int done)
{
    if (done > 0)
        return done;
    int error = SSL_get_error(c->tls, done);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}
#endif

static ssize_t put(Connection *c, const unsigned char *from, size_t count)
{
#ifdef WITH_TLS
    if (over_tls)
        return tls_result(c, SSL_write(c->tls, from, count));
#endif
    ssize_t done = send(c->fd, from, count, MSG_NOSIGNAL);
    return done < 0 && errno == EAGAIN ? 0 : done;
}

static ssize_t get(Connection *c)
{
#ifdef WITH_TLS
    if (over_tls)
        return tls_result(c, SSL_read(c->tls, buffer, CHUNK));
#endif
    ssize_t done = recv(c->fd, buffer, CHUNK, 0);
    return done < 0 ? (errno == EAGAIN ? 0 : -1) : done ? done : -1;
}

static bool keep_rest(Connection *c, const unsigned char *from, size_t count)
{
    c->rest = malloc(count);
    if (!c->rest)
        return false;
    memcpy(c->rest, from, count);
    c->rest_size = count;
    c->rest_sent = 0;
    watch(EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
    return true;
}

/* Send what is there; false where the connection is at its end. */
static bool send_rest(Connection *c)
{
    while (c->rest_sent < c->rest_size) {
        ssize_t done = put(c, c->rest + c->rest_sent, c->rest_size - c->rest_sent);
        if (done <= 0)
            return !done;
        c->rest_sent += done;
    }
    free(c->rest);
    c->rest = NULL;
    watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
    return true;
}

static bool echo(Connection *c)
{
    ssize_t came = get(c);
    while (came > 0) {
        size_t sent = 0;
        while (sent < (size_t)came) {
            ssize_t done = put(c, buffer + sent, came - sent);
            if (done < 0)
                return false;
            if (!done)
                return keep_rest(c, buffer + sent, came - sent);
            sent += done;
        }
        /* What OpenSSL has read already is no event. */
        came = over_tls ? get(c) : 0;
    }
    return !came;
}

static bool serve(Connection *c)
{
#ifdef WITH_TLS
    if (over_tls && !c->greeted) {
        int done = SSL_accept(c->tls);
        c->greeted = done == 1;
        if (!c->greeted)
            return !tls_result(c, done);
    }
#endif
    return c->rest ? send_rest(c) : echo(c);
}

static void accept_all(void)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;
        if (fd < 0)
            return;
        if (for_accepting) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        Connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->after = all;
        if (all)
            all->before = c;
        all = c;
#ifdef WITH_TLS
        if (over_tls) {
            c->tls = SSL_new(tls_context);
            SSL_set_fd(c->tls, fd);
            SSL_set_accept_state(c->tls);
        }
#endif
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
    }
}

static void datagrams(void)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t came;
    while ((came = recvfrom(listener, buffer, CHUNK, 0, (struct sockaddr *)&from, &length)) >= 0)
        sendto(listener, buffer, came, 0, (struct sockaddr *)&from, length);
}

/* -- children -- */

extern char **environ;

/* A command, and the bytes that it gets on its standard input (at most as many as `text` below has) and gives out. */
typedef struct {
    const char *kind;
    char *words[5];
    size_t takes, gives;
} Child;

static const Child KINDS[] = {
    {"spawn", {"true"}, 0, 0},
    {"communicate", {"cat"}, 1024, 1024},
    {"output", {"head", "-c", "4194304", "/dev/zero"}, 0, 4194304},
};
static const Child *children;

static bool run_child(const Child *kind)
{
    char text[1024];
    int to[2] = {-1, -1}, from[2] = {-1, -1}, status = -1;
    pid_t child;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (kind->takes) {
        if (pipe2(to, O_CLOEXEC))
            return false;
        posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    }
    if (kind->gives) {
        if (pipe2(from, O_CLOEXEC))
            return false;
        posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    }
    if (posix_spawnp(&child, kind->words[0], &actions, NULL, kind->words, environ))
        return false;
    posix_spawn_file_actions_destroy(&actions);
    bool same = true;
    if (kind->takes) {
        close(to[0]);
        memset(text, 'x', sizeof text);
        same = write(to[1], text, kind->takes) == (ssize_t)kind->takes;
        close(to[1]);
    }
    if (kind->gives) {
        close(from[1]);
        size_t came = 0;
        for (ssize_t done; (done = read(from[0], buffer, CHUNK)) > 0;)
            came += done;
        close(from[0]);
        same = same && came == kind->gives;
    }
    return waitpid(child, &status, 0) == child && !status && same;
}

static void run_children(long count)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (long i = 0; i < count; i++)
        if (!run_child(children)) {
            answer("{\"missing\": \"a child failed\"}");
            return;
        }
    clock_gettime(CLOCK_MONOTONIC, &after);
    double seconds = after.tv_sec - before.tv_sec + (after.tv_nsec - before.tv_nsec) / 1e9;
    printf("{\"messages\": %ld, \"seconds\": %.9f}\n", count, seconds);
    fflush(stdout);
}

/* -- what it is told -- */

static bool is(const char *line, const char *key, const char *value)
{
    char wanted[100];
    snprintf(wanted, sizeof wanted, "\"%s\": \"%s\"", key, value);
    return strstr(line, wanted) != NULL;
}

static void stop(void)
{
    while (all)
        drop(all);
    if (listener >= 0)
        close(listener);
    listener = -1;
}

#ifdef WITH_TLS
static bool take_certificate(const char *line)
{
    char file[WORDS];
    const char *at = strstr(line, "\"certificate\": \"");
    if (!at || sscanf(at, "\"certificate\": \"%4000[^\"]", file) != 1)
        return false;
    if (!tls_context)
        tls_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(tls_context, TLS1_3_VERSION);
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return SSL_CTX_use_certificate_chain_file(tls_context, file) == 1
        && SSL_CTX_use_PrivateKey_file(tls_context, file, SSL_FILETYPE_PEM) == 1;
}
#endif

static void start(const char *line)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    for_datagrams = is(line, "kind", "datagram");
    for (size_t n = 0; n < sizeof KINDS / sizeof *KINDS; n++)
        if (is(line, "kind", KINDS[n].kind)) {
            children = &KINDS[n];
            answer("{}");
            return;
        }
    for_accepting = is(line, "kind", "accept");
    over_tls = is(line, "kind", "tls");
    if (over_tls) {
#ifdef WITH_TLS
        if (!take_certificate(line)) {
            answer("{\"missing\": \"OpenSSL does not take the certificate\"}");
            return;
        }
#else
        answer("{\"missing\": \"OpenSSL's headers are not here (Debian: apt-get install libssl-dev)\"}");
        return;
#endif
    }
    listener = socket(AF_INET, (for_datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || (!for_datagrams && listen(listener, BACKLOG))
        || getsockname(listener, (struct sockaddr *)&address, &length)) {
        printf("{\"missing\": \"cannot listen: %s\"}\n", strerror(errno));
        fflush(stdout);
        return;
    }
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listening);
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void obey(const char *line)
{
    if (strstr(line, "\"begin\"")) {
        answer("{}");
        CALLGRIND_START_INSTRUMENTATION;
        CALLGRIND_ZERO_STATS;
    } else if (strstr(line, "\"end\"")) {
        char title[100] = "";
        sscanf(strstr(line, "\"end\""), "\"end\": \"%99[^\"]", title);
        CALLGRIND_DUMP_STATS_AT(title);
        CALLGRIND_STOP_INSTRUMENTATION;
        answer("{}");
    } else if (strstr(line, "\"messages\"")) {
        run_children(atol(strstr(line, "\"messages\"") + strlen("\"messages\": ")));
    } else if (strstr(line, "\"stop\"")) {
        stop();
        answer("{}");
    } else {
        start(line);
    }
}

int main(void)
{
    struct epoll_event events[EVENTS];
    static char line[WORDS];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    poller = epoll_create1(0);
    watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, &input);
    /* A line at a time is asked for and answered: none waits in the buffer of stdin. */
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            void *what = events[i].data.ptr;
            if (what == &input) {
                if (!fgets(line, sizeof line, stdin))
                    return 0;
                obey(line);
                break; /* what it closed may be among the other events */
            }
            if (what != &listening) {
                if (!serve(what))
                    drop(what);
            } else if (for_datagrams) {
                datagrams();
            } else {
                accept_all();
            }
        }
    }
}
