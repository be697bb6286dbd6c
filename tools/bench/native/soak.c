/*
 * The clients of `bench soak`: many connections with numbered requests, each of which is answered in its own way, and
 * whose answers are checked, byte by byte, to be those of the request. Clients differ in their manners:
 *
 *   steady     keeps its connection, and some requests going, all the time
 *   slow       asks for much, has room for little, and reads a little now and then: the server's writer is paused
 *   resetting  resets its connection (SO_LINGER of 0) while requests are answered, often in the middle of the next one
 *   ending     ends its side after a few requests, and takes what is still to come up to the server's end
 *
 * Waits for nothing but readiness. Started with: seconds without an answer that are taken for a hang, a seed, the
 * number of connections, and the addresses (tcp:PORT or unix:PATH) which they take in turn. Answers `{"messages": N}`
 * when so many requests were answered and all connections are closed again.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, CHUNK = 1 << 16, WINDOW = 8, LONGEST = 100 << 10, SLOW_ROOM = 16 << 10, SLOW_READ = 8 << 10 };
enum { SHORTEST_LIFE = 1, LONGEST_LIFE = 60 };

/* Before each request and each answer, in the order of the network. */
typedef struct __attribute__((packed)) {
    uint32_t size;       /* of what follows */
    uint32_t connection; /* no two connections have the same */
    uint64_t number;     /* of the request on its connection */
    uint32_t kind;       /* of the request; how it was answered */
    uint32_t times;      /* so often the answer has what follows the request */
} Head;

/* What requests want, and how they are answered: soak_server.py has the same numbers. */
enum { NOW, LATER, CANCELLED, TIMED_OUT, RELAYED, RELAY_CANCELLED, KINDS };
enum { ANSWERED, WAS_CANCELLED, WAS_TIMED_OUT, ANSWERS };
static const int per_thousand[KINDS] = {700, 220, 30, 30, 10, 10};

typedef enum { STEADY, SLOW, RESETTING, ENDING, MANNERS } Manner;
static const Manner manners[] = {STEADY, RESETTING, STEADY, ENDING, STEADY, SLOW, STEADY, RESETTING, STEADY, STEADY};

typedef struct {
    uint64_t number;
    uint32_t kind, size, times;
    bool busy;
} Request;

typedef struct {
    int fd, slot, left; /* requests that it still begins in its life; below 0: without end */
    Manner manner;
    uint32_t id;
    uint64_t number;
    unsigned turns;
    bool is_open, wants_out, has_ended, to_be_reset;
    Request window[WINDOW];
    int busy;
    unsigned char *out;
    size_t out_size, out_sent, out_room;
    Head head;
    size_t head_came, body_came, body_size;
    Request *answering;
} Connection;

typedef struct {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    };
    socklen_t size;
} Address;

static Address *addresses;
static int address_count, connections, seconds, poller;
static Connection *all;
static unsigned char *scratch, *incoming;
static uint64_t seed;
static uint32_t last_id;
static long wanted, finished, opened, resets, abandoned, bytes, answered[ANSWERS];
static int still_open;

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

#define WRONG(c, format, ...) \
    give_up("connection %u, in its request %llu: " format, (c)->id, (unsigned long long)(c)->number, ##__VA_ARGS__)

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Marsaglia's xorshift: the same numbers for the same seed. */
static uint64_t random_below(uint64_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

/* -- requests -- */

/* Write what follows a request: no two requests have the same, and no part of it is like another. */
static void fill(unsigned char *at, uint32_t connection, uint64_t number, size_t size)
{
    uint64_t word = ((uint64_t)connection << 32 | (uint32_t)number) * 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < size; i += sizeof word, word += 0xd1342543de82ef95)
        memcpy(at + i, &word, size - i < sizeof word ? size - i : sizeof word);
}

static unsigned char *room(Connection *c, size_t size)
{
    if (c->out_sent == c->out_size)
        c->out_sent = c->out_size = 0;
    if (c->out_size + size > c->out_room) {
        c->out_room = 2 * (c->out_size + size);
        c->out = realloc(c->out, c->out_room);
        if (!c->out)
            give_up("the load has no memory");
    }
    unsigned char *at = c->out + c->out_size;
    c->out_size += size;
    return at;
}

static uint32_t a_kind(void)
{
    int at = random_below(1000);
    uint32_t kind = 0;
    while (at >= per_thousand[kind])
        at -= per_thousand[kind++];
    return kind;
}

static void choose(Connection *c, Request *r)
{
    *r = (Request){.number = c->number, .kind = a_kind(), .size = 16 + random_below(200), .times = 1, .busy = true};
    uint64_t luck = random_below(300);
    if (c->manner == SLOW) {
        r->size = 1 + random_below(1024);
        r->times = 1 + random_below(200);
    } else if (luck == 0)
        r->size = LONGEST - random_below(1000);
    else if (luck < 4)
        r->times = 1 + random_below(1000);
    else if (luck < 10)
        r->size = random_below(2);
}

static void append(Connection *c, const Request *r)
{
    Head head = {htonl(r->size), htonl(c->id), htobe64(r->number), htonl(r->kind), htonl(r->times)};
    unsigned char *at = room(c, sizeof head + r->size);
    memcpy(at, &head, sizeof head);
    fill(at + sizeof head, c->id, r->number, r->size);
}

static void begin(Connection *c)
{
    while (finished < wanted && c->left && c->busy < WINDOW) {
        Request *r = c->window;
        while (r->busy)
            r++;
        choose(c, r);
        append(c, r);
        c->number++;
        c->busy++;
        if (c->left > 0)
            c->left--;
        /* Now with all that it may have, now with one. */
        if (!random_below(3))
            break;
    }
}

/* -- connections -- */

static void watch(Connection *c, int how, bool out)
{
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, how, c->fd, &event))
        give_up_for_errno("watch a socket");
    c->wants_out = out;
}

static void set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

static void connect_again(Connection *c)
{
    Address *to = &addresses[c->slot % address_count];
    Connection fresh = {.slot = c->slot, .manner = c->manner, .out = c->out, .out_room = c->out_room, .is_open = true};
    *c = fresh;
    c->id = ++last_id;
    c->left = c->manner == STEADY || c->manner == SLOW ? -1 : SHORTEST_LIFE + (int)random_below(LONGEST_LIFE);
    c->fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        give_up_for_errno("make a socket");
    if (to->any.sa_family == AF_INET)
        set(c->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (c->manner == SLOW)
        set(c->fd, SOL_SOCKET, SO_RCVBUF, SLOW_ROOM);
    if (connect(c->fd, &to->any, to->size))
        give_up_for_errno("connect");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    watch(c, EPOLL_CTL_ADD, true);
    opened++;
    still_open++;
}

static void close_it(Connection *c)
{
    close(c->fd);
    c->is_open = false;
    still_open--;
    if (finished < wanted)
        connect_again(c);
}

static void reset(Connection *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    resets++;
    abandoned += c->busy;
    close_it(c);
}

/* Send what there is, now and then not all of it at once. */
static void push(Connection *c)
{
    while (c->out_sent < c->out_size) {
        size_t count = c->out_size - c->out_sent;
        bool part = !random_below(8);
        if (part)
            count = 1 + random_below(count);
        ssize_t done = send(c->fd, c->out + c->out_sent, count, MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN)
            WRONG(c, "the server was gone: %s", strerror(errno));
        if (done > 0)
            c->out_sent += done;
        if (part || done < (ssize_t)count)
            break;
    }
    bool more = c->out_sent < c->out_size;
    if (more != c->wants_out)
        watch(c, EPOLL_CTL_MOD, more);
}

/* Begin what is to begin, and end what is at its end. */
static void go_on(Connection *c)
{
    begin(c);
    bool last = !c->left || finished >= wanted;
    if (last && c->manner == RESETTING && !c->to_be_reset) {
        c->to_be_reset = true;
        if (random_below(2)) {
            /* The beginning of one more, from half a head to nearly all. */
            Request one = {.number = c->number, .kind = NOW, .size = 1000, .times = 1};
            append(c, &one);
            c->out_size -= 1 + random_below(1000 + sizeof(Head) / 2);
        }
        push(c);
        if (!c->busy || random_below(2))
            reset(c);
        return;
    }
    push(c);
    if (last && !c->has_ended && c->out_sent == c->out_size && !c->to_be_reset) {
        c->has_ended = true;
        if (shutdown(c->fd, SHUT_WR))
            WRONG(c, "the load cannot end its side: %s", strerror(errno));
    }
}

/* -- answers -- */

static bool fits(uint32_t kind, uint32_t how)
{
    static const uint32_t belonging[KINDS] = {ANSWERED, ANSWERED, WAS_CANCELLED, WAS_TIMED_OUT, ANSWERED, ANSWERED};
    return how == belonging[kind] || (kind == RELAY_CANCELLED && how == WAS_CANCELLED);
}

/* Find the request that an answer says it belongs to. */
static void identify(Connection *c)
{
    uint64_t number = be64toh(c->head.number);
    uint32_t id = ntohl(c->head.connection), how = ntohl(c->head.kind);
    if (id != c->id)
        WRONG(c, "an answer came that belongs to connection %u", id);
    c->answering = NULL;
    for (Request *r = c->window; r < c->window + WINDOW; r++)
        if (r->busy && r->number == number)
            c->answering = r;
    if (!c->answering)
        WRONG(c, "an answer came to request %llu, which is not open", (unsigned long long)number);
    c->body_size = (size_t)c->answering->size * c->answering->times;
    if (ntohl(c->head.size) != c->body_size || ntohl(c->head.times) != c->answering->times)
        WRONG(c, "the answer to request %llu has another size", (unsigned long long)number);
    if (!fits(c->answering->kind, how))
        WRONG(c, "request %llu of kind %u was answered as %u", (unsigned long long)number, c->answering->kind, how);
    answered[how]++;
    c->body_came = 0;
}

static void check_body(Connection *c, const unsigned char *came, size_t count)
{
    const Request *r = c->answering;
    fill(scratch, c->id, r->number, r->size);
    while (count) {
        size_t at = c->body_came % r->size, part = r->size - at < count ? r->size - at : count;
        if (memcmp(scratch + at, came, part))
            WRONG(c, "the answer to request %llu has other bytes", (unsigned long long)r->number);
        came += part;
        count -= part;
        c->body_came += part;
    }
}

static size_t least(size_t one, size_t other) { return one < other ? one : other; }

static void take(Connection *c, const unsigned char *came, size_t count)
{
    bytes += count;
    for (;;) {
        if (!c->answering) {
            size_t part = least(sizeof c->head - c->head_came, count);
            memcpy((unsigned char *)&c->head + c->head_came, came, part);
            c->head_came += part;
            came += part;
            count -= part;
            if (c->head_came < sizeof c->head)
                return;
            identify(c);
        }
        size_t part = least(c->body_size - c->body_came, count);
        check_body(c, came, part);
        came += part;
        count -= part;
        if (c->body_came < c->body_size)
            return;
        c->answering->busy = false;
        c->answering = NULL;
        c->head_came = 0;
        c->busy--;
        finished++;
    }
}

static void pull(Connection *c)
{
    /* At the end all are in a hurry. */
    bool slow = c->manner == SLOW && finished < wanted;
    if (slow && c->turns++ % 8)
        return;
    ssize_t done = recv(c->fd, incoming, slow ? 1 + random_below(SLOW_READ) : CHUNK, 0);
    if (done > 0) {
        take(c, incoming, done);
        return;
    }
    if (done < 0 && errno == EAGAIN)
        return;
    if (done < 0)
        WRONG(c, "the load cannot receive: %s", strerror(errno));
    if (!c->has_ended || c->busy)
        WRONG(c, "the server closed, %d requests were not answered", c->busy);
    close_it(c);
}

static void serve(Connection *c, uint32_t events)
{
    if (c->to_be_reset) {
        /* Something came, which is never read. */
        if (events & ~EPOLLOUT)
            reset(c);
        else
            push(c);
        return;
    }
    long before = opened, open_before = still_open;
    if (events & ~EPOLLOUT)
        pull(c);
    /* A new connection is served when it is ready itself. */
    if (opened == before && still_open == open_before)
        go_on(c);
}

static void exchange(void)
{
    struct epoll_event events[EVENTS];
    for (int i = 0; i < connections; i++)
        connect_again(&all[i]);
    while (still_open) {
        int count = epoll_wait(poller, events, EVENTS, seconds * 1000);
        if (!count)
            give_up("hangs: nothing came within %d s, after %ld answers, %d connections are open", seconds, finished,
                    still_open);
        for (int i = 0; i < count; i++)
            serve(events[i].data.ptr, events[i].events);
        /* A quiet one that is still open when enough was answered has nothing more to wait for. */
        if (finished >= wanted)
            for (int i = 0; i < connections; i++)
                if (all[i].is_open && !all[i].has_ended && !all[i].to_be_reset)
                    go_on(&all[i]);
    }
}

/* -- */

static void read_address(Address *address, const char *word)
{
    if (!strncmp(word, "tcp:", 4)) {
        address->in.sin_family = AF_INET;
        address->in.sin_port = htons(atoi(word + 4));
        address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address->size = sizeof address->in;
        return;
    }
    if (strncmp(word, "unix:", 5) || strlen(word + 5) >= sizeof address->un.sun_path)
        give_up("no address: %s", word);
    address->un.sun_family = AF_UNIX;
    strcpy(address->un.sun_path, word + 5);
    address->size = sizeof address->un;
}

int main(int count, char **words)
{
    if (count < 5)
        give_up("the load was started with too few words");
    seconds = atoi(words[1]);
    seed = strtoull(words[2], NULL, 10) * 2 + 1;
    connections = atoi(words[3]);
    address_count = count - 4;
    addresses = calloc(address_count, sizeof *addresses);
    for (int i = 0; i < address_count; i++)
        read_address(&addresses[i], words[4 + i]);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    poller = epoll_create1(EPOLL_CLOEXEC);
    scratch = malloc(LONGEST);
    incoming = malloc(CHUNK);
    all = calloc(connections, sizeof *all);
    for (int i = 0; i < connections; i++) {
        all[i].slot = i;
        all[i].manner = manners[i / address_count % (sizeof manners / sizeof *manners)];
    }
    puts("{}");
    fflush(stdout);

    char line[100];
    while (fgets(line, sizeof line, stdin) && sscanf(line, "{\"messages\": %ld", &wanted) == 1) {
        finished = opened = resets = abandoned = bytes = 0;
        memset(answered, 0, sizeof answered);
        double started = now();
        exchange();
        printf("{\"messages\": %ld, \"seconds\": %.9f, \"opened\": %ld, \"resets\": %ld, \"abandoned\": %ld, \"cancelled\":"
               " %ld, \"timed_out\": %ld, \"bytes\": %ld}\n",
               finished, now() - started, opened, resets, abandoned, answered[WAS_CANCELLED], answered[WAS_TIMED_OUT],
               bytes);
        fflush(stdout);
    }
    return 0;
}
