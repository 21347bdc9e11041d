/* What the kernel alone costs a client: streams that are asked for and read, but neither parsed nor counted.
 *
 *     cc -O2 -o floor floor.c && ./floor PORT STREAMS SECONDS
 *
 * One epoll loop on 127.0.0.1. It reads as aimon does: one recvmsg for each wake-up, with the kernel's timestamp. An
 * answer ends where its bytes end with those of the last HTTP chunk. Prints streams per second and microseconds of
 * processor time for each.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_STREAMS = 4096, READ_BYTES = 1 << 16 };
#define BODY "{\"model\":\"truth\",\"messages\":[{\"role\":\"user\",\"content\":\"1: reply with exactly: pong\"}]," \
             "\"max_tokens\":1000,\"stream\":true,\"stream_options\":{\"include_usage\":true}}"
#define END "0\r\n\r\n"

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int dial(int port) {
    int sock = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof to)) {
        perror("connect");
        exit(1);
    }
    setsockopt(sock, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    return sock;
}

/* Reads once; 1 when the answer is complete. */
static int take(int sock) {
    static char data[READ_BYTES], ancillary[64];
    struct iovec into = {data, sizeof data};
    struct msghdr message = {
        .msg_iov = &into, .msg_iovlen = 1, .msg_control = ancillary, .msg_controllen = sizeof ancillary};
    ssize_t count = recvmsg(sock, &message, 0);
    if (count <= 0) {
        fprintf(stderr, "the server closed a connection\n");
        exit(1);
    }
    size_t end = strlen(END);
    return (size_t)count >= end && !memcmp(data + count - end, END, end);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: floor PORT STREAMS SECONDS\n");
        return 2;
    }
    int port = atoi(argv[1]), streams = atoi(argv[2]), loop = epoll_create1(0);
    double lasts = atof(argv[3]);
    char request[1024];
    int size = snprintf(request, sizeof request,
                        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        "Accept: text/event-stream\r\nContent-Length: %zu\r\n\r\n" BODY, strlen(BODY));
    for (int k = 0; k < streams && k < MOST_STREAMS; k++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = dial(port)};
        epoll_ctl(loop, EPOLL_CTL_ADD, event.data.fd, &event);
        send(event.data.fd, request, size, MSG_NOSIGNAL);
    }
    double began = seconds(CLOCK_MONOTONIC), spent = seconds(CLOCK_PROCESS_CPUTIME_ID), lasted = 0;
    long done = 0, reads = 0, turns = 0;
    struct epoll_event ready[MOST_STREAMS];
    while ((lasted = seconds(CLOCK_MONOTONIC) - began) < lasts) {
        int count = epoll_wait(loop, ready, MOST_STREAMS, 100), finished[MOST_STREAMS], ended = 0;
        turns++;
        reads += count > 0 ? count : 0;
        for (int k = 0; k < count; k++)
            if (take(ready[k].data.fd))
                finished[ended++] = ready[k].data.fd;
        /* As aimon does: all is read before the next requests are sent. */
        for (int k = 0; k < ended; k++)
            send(finished[k], request, size, MSG_NOSIGNAL);
        done += ended;
    }
    spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - spent;
    printf("{\"rate\": %.0f, \"us_per_stream\": %.2f, \"reads\": %.2f, \"turns\": %.2f}\n", done / lasted,
           spent / done * 1e6, (double)reads / done, (double)turns / done);
    return 0;
}
