/* The load of `bench echo`: sends messages to a server on this machine, and looks whether what comes back is the same.

   load KIND PORT CONNECTIONS SIZE DEPTH SECONDS PREFIX SERVER SUFFIX…

   KIND is one of
     stream    messages over lasting connections, one at a time on each, the next as soon as the last is back;
     tls       the same over TLS 1.3;
     http      the same with requests, which are to be answered by SIZE times the letter x;
     datagram  bursts of DEPTH datagrams from each socket, the next when all are back;
     accept    connect, and wait until the server closes; CONNECTIONS at a time;
     request   connect, one message there and back, close; CONNECTIONS at a time.
   A message has SIZE bytes: first where it comes from and its number, at the end one of the suffixes (in hexadecimal),
   in turn. PREFIX 1 puts the size before it, in four bytes, the most significant first. SERVER is a process that has
   to be asleep before a message goes, or 0: where a server looks for more before it waits, chance would decide what
   it finds.

   Connects, writes {}, and for each line {"messages": N} on its input sends N messages and writes
   {"messages": N, "seconds": S}; {"missing": "REASON"} where an answer is not what was sent, or SECONDS pass without
   one. Nothing of the load is measured: it is the same for every server, and has to be faster than they are. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

enum { PREFIX = 4, STAMP = 16, MOST_SUFFIXES = 8, LONGEST_SUFFIX = 8, EVENTS = 256, CHUNK = 1 << 18, LONGEST_ANSWER = 8192 };

typedef struct {
    int fd;
    unsigned long number; /* of messages that were begun */
    size_t sent, received;
    bool busy;
    unsigned char *answer; /* what came of an answer over HTTP */
    unsigned char *message; /* as it goes out, and as it is to come back */
#ifdef WITH_TLS
    SSL *tls;
#endif
} Connection;

static struct sockaddr_in server;
static int connections, depth, seconds, suffixes, poller, asleep;
static size_t size, whole; /* without and with the prefix */
static bool prefixed, over_tls, over_http;
static unsigned char suffix[MOST_SUFFIXES][LONGEST_SUFFIX];
static size_t suffix_size[MOST_SUFFIXES];
static Connection *all;
static unsigned char *incoming;
static long remaining, outstanding, finished;
#ifdef WITH_TLS
static SSL_CTX *tls_context;
#endif

static void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("{\"missing\": \"");
    vprintf(format, arguments);
    printf("\"}\n");
    fflush(stdout);
    _exit(1);
}

static void give_up_for_errno(const char *what) { give_up("the load cannot %s: %s", what, strerror(errno)); }

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* -- messages -- */

static void fill(unsigned char *at, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at[i] = 'a' + (first + i) % 26;
}

static unsigned char *new_message(void)
{
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: load\r\n\r\n";
    if (over_http) {
        whole = sizeof request - 1;
        return (unsigned char *)request;
    }
    unsigned char *made = malloc(whole);
    if (!made)
        give_up("the load has no memory");
    uint32_t in_order = htonl(size);
    if (prefixed)
        memcpy(made, &in_order, PREFIX);
    fill(made + whole - size, 0, size);
    return made;
}

/* Make the next message of a connection out of its last. */
static void next_message(Connection *c)
{
    static const char digits[] = "0123456789abcdef";
    c->sent = c->received = 0;
    if (over_http)
        return;
    unsigned char *payload = c->message + whole - size;
    unsigned long stamp = (unsigned long)(c - all) << 32 | (c->number & 0xffffffff);
    for (int i = STAMP; i--; stamp >>= 4)
        payload[i] = digits[stamp & 15];
    if (suffixes) {
        int which = c->number % suffixes;
        size_t tail = size - LONGEST_SUFFIX;
        fill(payload + tail, tail, LONGEST_SUFFIX);
        memcpy(payload + size - suffix_size[which], suffix[which], suffix_size[which]);
    }
    c->number++;
}

static void compare(const Connection *c, size_t from, const unsigned char *came, size_t count)
{
    if (from + count > whole)
        give_up("the server sent more than it was sent");
    if (memcmp(c->message + from, came, count))
        give_up("the server sent back other bytes than it was sent");
}

/* -- connections -- */

/* Wait until the process sleeps, a moment at most: some never do. */
static void wait_for_sleep(void)
{
    if (!asleep)
        return;
    char state[512];
    for (int i = 0; i < 200; i++) {
        ssize_t count = pread(asleep, state, sizeof state - 1, 0);
        state[count > 0 ? count : 0] = 0;
        const char *name_end = strrchr(state, ')');
        if (name_end && name_end[1] && name_end[2] == 'S')
            return;
        usleep(100);
    }
}

static int new_socket(int type)
{
    int fd = socket(AF_INET, type, 0), yes = 1;
    if (fd < 0)
        give_up_for_errno("make a socket");
    if ((type & SOCK_STREAM) == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct timeval limit = {.tv_sec = seconds};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&server, sizeof server))
        give_up_for_errno("connect");
    return fd;
}

static void watch(Connection *c)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event))
        give_up_for_errno("watch a socket");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

#ifdef WITH_TLS
static void give_up_for_tls(const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    give_up("TLS: %s: %s", what, reason ? reason : "the connection ended");
}

static void wrap(Connection *c)
{
    if (!tls_context) {
        tls_context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(tls_context, TLS1_3_VERSION);
        SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    c->tls = SSL_new(tls_context);
    SSL_set_fd(c->tls, c->fd);
    if (SSL_connect(c->tls) != 1)
        give_up_for_tls("handshake");
}

/* Return 0 where the socket is to be waited for. */
static size_t tls_result(Connection *c, int done, const char *what)
{
    if (done > 0)
        return done;
    int error = SSL_get_error(c->tls, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        give_up_for_tls(what);
    return 0;
}
#endif

static size_t put(Connection *c, const unsigned char *from, size_t count)
{
#ifdef WITH_TLS
    if (over_tls)
        return tls_result(c, SSL_write(c->tls, from, count), "write");
#endif
    ssize_t done = send(c->fd, from, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN)
        give_up_for_errno("send");
    return done < 0 ? 0 : done;
}

static size_t get(Connection *c, unsigned char *into, size_t count)
{
#ifdef WITH_TLS
    if (over_tls)
        return tls_result(c, SSL_read(c->tls, into, count), "read");
#endif
    ssize_t done = recv(c->fd, into, count, MSG_DONTWAIT);
    if (!done)
        give_up("the server closed a connection");
    if (done < 0 && errno != EAGAIN)
        give_up_for_errno("receive");
    return done < 0 ? 0 : done;
}

/* -- lasting connections -- */

static void push(Connection *c)
{
    while (c->busy && c->sent < whole) {
        size_t done = put(c, c->message + c->sent, whole - c->sent);
        if (!done)
            return;
        c->sent += done;
    }
}

static void begin(Connection *c)
{
    if (!remaining)
        return;
    remaining--;
    outstanding++;
    next_message(c);
    c->busy = true;
    wait_for_sleep();
    push(c);
}

static void finish(Connection *c)
{
    c->busy = false;
    outstanding--;
    finished++;
    begin(c);
}

/* Whether an answer is whole; what came of it stands at the beginning of `incoming`. */
static bool is_answer(size_t count)
{
    static const char ok[] = "HTTP/1.1 200 ", header[] = "\ncontent-length:", end[] = "\r\n\r\n";
    const char *body = memmem(incoming, count, end, sizeof end - 1);
    if (!body)
        return false;
    body += sizeof end - 1;
    incoming[count] = 0;
    const char *length = strcasestr((char *)incoming, header);
    if (memcmp(incoming, ok, sizeof ok - 1) || !length || (size_t)atol(length + sizeof header - 1) != size)
        give_up("the answer is not the one that was to come");
    size_t came = (char *)incoming + count - body;
    if (came > size || strspn(body, "x") != came)
        give_up("the answer has another body than it was to have");
    return came == size;
}

/* As pull(): an answer is short, and comes at once or soon. */
static void pull_answer(Connection *c)
{
    size_t done = 0;
    if (!c->busy)
        give_up("the server sent more than it was asked for");
    if (c->received)
        memcpy(incoming, c->answer, c->received);
    while (c->received < LONGEST_ANSWER && (done = get(c, incoming + c->received, LONGEST_ANSWER - c->received))) {
        c->received += done;
        if (is_answer(c->received)) {
            finish(c);
            return;
        }
    }
    if (c->received == LONGEST_ANSWER)
        give_up("an answer is too long");
    memcpy(c->answer, incoming, c->received);
}

static void pull(Connection *c)
{
    if (over_http) {
        pull_answer(c);
        return;
    }
    for (;;) {
        size_t done = get(c, incoming, CHUNK);
        if (!done)
            return;
        if (!c->busy)
            give_up("the server sent more than it was sent");
        compare(c, c->received, incoming, done);
        c->received += done;
        if (c->received == whole)
            finish(c);
        /* With edges: the socket is empty where less came than fits in. */
        if (done < CHUNK && !over_tls)
            return;
    }
}

static void exchange(void)
{
    struct epoll_event events[EVENTS];
    for (int i = 0; i < connections; i++)
        begin(&all[i]);
    while (outstanding) {
        int count = epoll_wait(poller, events, EVENTS, seconds * 1000);
        if (!count)
            give_up("hangs: no answer within %d s, %ld messages before", seconds, finished);
        for (int i = 0; i < count; i++) {
            Connection *c = events[i].data.ptr;
            push(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                pull(c);
        }
    }
}

/* -- datagrams -- */

static void burst(Connection *c, int count)
{
    unsigned long first = c->number;
    for (int i = 0; i < count; i++) {
        next_message(c);
        if (send(c->fd, c->message, whole, 0) != (ssize_t)whole)
            give_up_for_errno("send a datagram");
    }
    for (c->number = first; count--;) {
        next_message(c);
        ssize_t came = recv(c->fd, incoming, CHUNK, 0);
        if (came < 0)
            give_up("a datagram did not come back within %d s, %ld came before", seconds, finished);
        if ((size_t)came != whole)
            give_up("a datagram came back with another size");
        compare(c, 0, incoming, came);
        finished++;
    }
}

static void datagrams(void)
{
    while (remaining)
        for (int i = 0; i < connections && remaining; i++) {
            int count = remaining < depth ? remaining : depth;
            remaining -= count;
            burst(&all[i], count);
        }
}

/* -- connections that end -- */

static void receive_whole(Connection *c)
{
    while (c->received < whole) {
        ssize_t done = recv(c->fd, incoming, CHUNK, 0);
        if (done <= 0)
            give_up("an answer did not come: %s", done ? strerror(errno) : "the server closed");
        compare(c, c->received, incoming, done);
        c->received += done;
    }
}

static void expect_end(Connection *c)
{
    ssize_t done = recv(c->fd, incoming, 1, 0);
    if (done)
        give_up("the server did not close: %s", done < 0 ? strerror(errno) : "it sent something");
    close(c->fd);
}

static void meet(int count, bool ask)
{
    for (int i = 0; i < count; i++) {
        Connection *c = &all[i];
        c->fd = new_socket(SOCK_STREAM);
        if (ask) {
            next_message(c);
            if (send(c->fd, c->message, whole, MSG_NOSIGNAL) != (ssize_t)whole)
                give_up_for_errno("send");
        }
    }
    for (int i = 0; i < count; i++) {
        Connection *c = &all[i];
        if (ask) {
            receive_whole(c);
            shutdown(c->fd, SHUT_WR);
        }
    }
    for (int i = 0; i < count; i++) {
        expect_end(&all[i]);
        finished++;
    }
}

static void meetings(bool ask)
{
    while (remaining) {
        int count = remaining < connections ? remaining : connections;
        remaining -= count;
        meet(count, ask);
    }
}

/* -- */

static void read_suffixes(char **words, int count)
{
    suffixes = count < MOST_SUFFIXES ? count : MOST_SUFFIXES;
    for (int i = 0; i < suffixes; i++) {
        suffix_size[i] = strlen(words[i]) / 2;
        for (size_t k = 0; k < suffix_size[i] && k < LONGEST_SUFFIX; k++)
            sscanf(words[i] + 2 * k, "%2hhx", &suffix[i][k]);
    }
}

static void open_all(const char *kind)
{
    bool lasting = !strcmp(kind, "stream") || over_tls || over_http, datagram = !strcmp(kind, "datagram");
    all = calloc(connections, sizeof *all);
    for (int i = 0; i < connections; i++) {
        Connection *c = &all[i];
        c->message = new_message();
        if (over_http)
            c->answer = malloc(LONGEST_ANSWER);
        if (datagram)
            c->fd = new_socket(SOCK_DGRAM);
        if (!lasting)
            continue;
        c->fd = new_socket(SOCK_STREAM);
#ifdef WITH_TLS
        if (over_tls)
            wrap(c);
#endif
        watch(c);
    }
}

int main(int count, char **words)
{
    if (count < 9)
        give_up("the load was started with too few words");
    const char *kind = words[1];
    server.sin_family = AF_INET;
    server.sin_port = htons(atoi(words[2]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connections = atoi(words[3]);
    size = atol(words[4]);
    depth = atoi(words[5]);
    seconds = atoi(words[6]);
    prefixed = atoi(words[7]);
    if (atoi(words[8])) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", atoi(words[8]));
        asleep = open(path, O_RDONLY | O_CLOEXEC);
    }
    read_suffixes(words + 9, count - 9);
    whole = size + (prefixed ? PREFIX : 0);
    over_tls = !strcmp(kind, "tls");
    over_http = !strcmp(kind, "http");
#ifndef WITH_TLS
    if (over_tls)
        give_up("OpenSSL's headers are not here (Debian: apt-get install libssl-dev)");
#endif
    if (size < STAMP + LONGEST_SUFFIX)
        give_up("a message has %d bytes or more", STAMP + LONGEST_SUFFIX);
    incoming = malloc(CHUNK);
    poller = epoll_create1(0);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    open_all(kind);
    puts("{}");
    fflush(stdout);

    char line[100];
    long wanted;
    while (fgets(line, sizeof line, stdin) && sscanf(line, "{\"messages\": %ld", &wanted) == 1) {
        remaining = wanted;
        finished = 0;
        double started = now();
        if (!strcmp(kind, "datagram"))
            datagrams();
        else if (!strcmp(kind, "accept"))
            meetings(false);
        else if (!strcmp(kind, "request"))
            meetings(true);
        else
            exchange();
        printf("{\"messages\": %ld, \"seconds\": %.9f}\n", finished, now() - started);
        fflush(stdout);
    }
    return 0;
}
