/* A resolver that takes its time, and finds no name that ends with ".invalid": for loops that ask the C library, too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

/* What a question takes. */
static const struct timespec pause_ = {0, 5000000};
static const char domain[] = ".invalid";

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    size_t length = node ? strlen(node) : 0, end = sizeof(domain) - 1;
    if (length > end && strcmp(node + length - end, domain) == 0) {
        nanosleep(&pause_, NULL);
        return EAI_AGAIN;
    }
    return ((lookup *)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, found);
}
