/* The least that a relay does which wakes up at ticks and reads what it passes on: waits for the next tick, reads what came, sends it.
 *
 *   bare ADDRESS PORT RECORDER PORT
 *
 * The first PORT may be 0 for a free one; the line of output is {"port": PORT}.
 * It is of no use to anybody but the bench, where it shows what part of a relay's cost is the kernel's: logins pass through it, whoever
 * reads slowly holds up all, and a stream ends for all when its first viewer leaves. Each viewer begins with a session of its
 * own. Once media comes of a stream that another viewer has, it gets the other's from then on, and its own session is given up. */
#include "rtsp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* As of our relay. */
#define TICK_NS 2000000u
#define BUFFER (256 * 1024)
#define MAX_PATH 64
#define MAX_STREAMS 256
#define MAX_VIEWERS 16
#define MAX_EVENTS 256

struct stream;

/* A connection with a viewer, or with the recorder for it. */
struct side {
    int fd;
    struct side *other;
    int has_media; /* of the recorder's */
    struct stream *stream;
};

struct stream {
    char path[MAX_PATH];
    struct side *session;              /* whose media all get */
    struct side *viewers[MAX_VIEWERS]; /* but for the session's own */
    unsigned playing, joining;         /* of those: first who gets media, then who waits for a whole frame's end */
};

static uint8_t buffer[BUFFER];
static struct stream streams[MAX_STREAMS];
static int poller;

static struct side *watch(int fd)
{
    struct side *side = calloc(1, sizeof *side);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = side};
    int on = 1;
    if (side == NULL || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
        fail("watch");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    side->fd = fd;
    return side;
}

/* Sides stay in memory: an event may be on its way. */
static void end(struct side *side)
{
    if (side->fd >= 0)
        close(side->fd);
    side->fd = -1;
}

static void end_both(struct side *side)
{
    struct stream *stream = side->stream ? side->stream : side->other->stream;
    if (stream != NULL && (stream->session == side || stream->session == side->other)) {
        for (unsigned i = 0; i < stream->playing + stream->joining; i++)
            end(stream->viewers[i]);
        stream->session = NULL, stream->playing = stream->joining = 0;
    }
    end(side);
    end(side->other);
}

static void join(int listener, const struct sockaddr_in *recorder)
{
    int viewer = accept(listener, NULL, NULL), ours = socket(AF_INET, SOCK_STREAM, 0);
    if (viewer < 0 || connect(ours, (const struct sockaddr *)recorder, sizeof *recorder)) {
        close(viewer), close(ours);
        return;
    }
    struct side *left = watch(viewer), *right = watch(ours);
    left->other = right, right->other = left;
}

static void put(struct side *side, const uint8_t *data, size_t size)
{
    while (size && side->fd >= 0) {
        ssize_t sent = send(side->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = side->fd, .events = POLLOUT}, 1, -1);
        else if (sent < 0)
            return; /* its end is read in a moment */
        else
            data += sent, size -= (size_t)sent;
    }
}

/* Reads the path of the first request: METHOD rtsp://HOST/PATH RTSP/1.0. */
static struct stream *find(size_t size)
{
    char path[MAX_PATH];
    buffer[size < BUFFER ? size : BUFFER - 1] = 0;
    if (sscanf((const char *)buffer, "%*s rtsp://%*[^/]%63s", path) != 1)
        return NULL;
    for (unsigned i = 0; i < MAX_STREAMS; i++) {
        if (!streams[i].path[0])
            strcpy(streams[i].path, path);
        if (strcmp(streams[i].path, path) == 0)
            return &streams[i];
    }
    return NULL;
}

static int are_whole_frames(size_t size)
{
    size_t at = 0;
    while (at + 4 <= size && buffer[at] == '$')
        at += 4 + ((size_t)buffer[at + 2] << 8 | buffer[at + 3]);
    return at == size;
}

/* Has the viewer of a session get its media from the one that is there already. */
static void share(struct side *side)
{
    struct stream *stream = side->other->stream;
    side->has_media = 1;
    if (stream == NULL)
        return;
    if (stream->session == NULL)
        stream->session = side, side->stream = stream;
    else if (stream->playing + stream->joining < MAX_VIEWERS) {
        stream->viewers[stream->playing + stream->joining++] = side->other;
        end(side);
    }
}

static void serve(struct side *side)
{
    if (side->fd < 0)
        return;
    ssize_t size = recv(side->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        end_both(side);
        return;
    }
    put(side->other, buffer, (size_t)size);
    struct stream *stream = side->stream;
    if (stream != NULL && stream->session == side) {
        for (unsigned i = 0; i < stream->playing; i++)
            put(stream->viewers[i], buffer, (size_t)size);
        if (stream->joining && are_whole_frames((size_t)size))
            stream->playing += stream->joining, stream->joining = 0;
    } else if (buffer[0] != '$') {
        if (stream == NULL)
            side->stream = find((size_t)size);
    } else if (!side->has_media && are_whole_frames((size_t)size)) {
        share(side);
    }
}

int main(int count, char **arguments)
{
    if (count != 5)
        return 2;
    prctl(PR_SET_PDEATHSIG, 15, 0, 0, 0);
    struct sockaddr_in near = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[2]))},
                       recorder = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[4]))};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), ticking = 0;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (inet_pton(AF_INET, arguments[1], &near.sin_addr) != 1 || inet_pton(AF_INET, arguments[3], &recorder.sin_addr) != 1 ||
        bind(listener, (struct sockaddr *)&near, sizeof near) || listen(listener, 256))
        fail("listen");
    socklen_t size = sizeof near;
    getsockname(listener, (struct sockaddr *)&near, &size);
    printf("{\"port\": %u}\n", ntohs(near.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    struct epoll_event of_listener = {.events = EPOLLIN}, events[MAX_EVENTS];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &of_listener);
    for (;;) {
        if (ticking)
            nanosleep(&(struct timespec){.tv_nsec = (long)(TICK_NS - now_ns() % TICK_NS)}, NULL);
        int ready = epoll_wait(poller, events, MAX_EVENTS, ticking ? 0 : -1);
        ticking = ready > 0;
        for (int i = 0; i < ready; i++)
            if (events[i].data.ptr == NULL)
                join(listener, &recorder);
            else
                serve(events[i].data.ptr);
    }
}
