/* A recorder that is cheap and exact: RTSP with digest login, RTP interleaved in TCP that looks like H.264.
 *
 *   recorder ADDRESS PORT
 *
 * Port 0 takes a free one; the first line of output is {"port": PORT}.
 * A URI's path is /MODE/PACKETS/NUMBER: how it writes (frame: a frame a write; packet: a packet a write, back to back;
 * spread: packets evenly in time; unpaced: as fast as it is taken), the packets of 1400 bytes in each of 25 frames a second, and the
 * number of the stream. All sessions of a stream show the same moment: numbers and times of packets are the stream's, so that
 * what a session loses is seen. A key frame comes every 50 frames. Each packet carries the nanosecond in which it was given
 * to the kernel. Lines on standard input: `stats` answers with JSON, `reset` begins its counts anew; its end ends the program. */
#include "rtsp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define PACKET 1400
#define FRAMED (4 + PACKET)
#define FRAME_NS 40000000u
#define KEY_FRAMES 50
#define MAX_PACKETS 1000
#define SETS_ROOM 128
/* What waits for a reader that is slow; a write that finds more is left out whole, as a recorder's encoder does. */
#define MAX_WAITING (4u << 20)
#define MAX_CONNECTIONS 4096
#define REALM "recorder"
/* A write that is later than this comes in a burst with the next: the mode isn't what it says any more. */
#define LATE_NS 1000000u

enum mode { FRAME, PACKETS, SPREAD, UNPACED };
static const char *const mode_names[] = {"frame", "packet", "spread", "unpaced"};

struct connection {
    int fd, playing, counted, writable_wanted;
    char in[8192];
    size_t in_size;
    enum mode mode;
    unsigned packets, number, channel;
    uint64_t phase, frame, next;
    unsigned index;
    uint8_t *waiting;
    size_t waiting_at, waiting_size;
};

static const uint8_t sps[] = {0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x96, 0x10, 0x00,
                              0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x28, 0xf1, 0x83, 0x2a};
static const uint8_t pps[] = {0x68, 0xce, 0x0f, 0xc8};
static const char sprop[] = "Z0LAKNoB4AiflhAAAAMAEAAAAwMo8YMq,aM4PyA==";

static struct connection *connections[MAX_CONNECTIONS];
static unsigned connected;
static uint8_t picture[SETS_ROOM + MAX_PACKETS * FRAMED];
static uint64_t began;
static char nonce[33];
static int poller;
static unsigned sessions, peak, total, refused, skipped;
static unsigned long long writes, late_writes;

static void watch(struct connection *c, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (c->writable_wanted ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &event))
        fail("epoll_ctl");
}

static void stop(struct connection *c)
{
    if (c->counted)
        sessions--;
    c->counted = c->playing = 0;
}

static void drop(struct connection *c)
{
    stop(c);
    close(c->fd);
    free(c->waiting);
    for (unsigned i = 0; i < connected; i++)
        if (connections[i] == c)
            connections[i] = connections[--connected];
    free(c);
}

/* Gives bytes to the kernel; keeps what it doesn't take. Media that finds too much waiting is left out. */
static void put(struct connection *c, const void *data, size_t size, int media)
{
    if (c->waiting_size) {
        if (media && c->waiting_size + size > MAX_WAITING) {
            skipped++;
            return;
        }
    } else {
        ssize_t sent = send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return; /* its end is read in a moment */
        size_t done = sent < 0 ? 0 : (size_t)sent;
        data = (const uint8_t *)data + done;
        if ((size -= done) == 0)
            return;
        c->writable_wanted = 1;
        watch(c, EPOLL_CTL_MOD);
    }
    uint8_t *grown = malloc(c->waiting_size + size);
    if (grown == NULL)
        fail("malloc");
    memcpy(grown, c->waiting + c->waiting_at, c->waiting_size);
    memcpy(grown + c->waiting_size, data, size);
    free(c->waiting);
    c->waiting = grown, c->waiting_at = 0, c->waiting_size += size;
}

static void put_waiting(struct connection *c)
{
    if (c->waiting_size) {
        ssize_t sent = send(c->fd, c->waiting + c->waiting_at, c->waiting_size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            c->waiting_at += (size_t)sent, c->waiting_size -= (size_t)sent;
    }
    if (c->waiting_size == 0) {
        free(c->waiting);
        c->waiting = NULL;
        c->waiting_at = 0;
        if (c->mode != UNPACED || !c->playing) {
            c->writable_wanted = 0;
            watch(c, EPOLL_CTL_MOD);
        }
    }
}

static uint8_t *put_header(uint8_t *at, const struct connection *c, size_t size, uint64_t packet, int marker)
{
    uint32_t stamp = htonl((uint32_t)(c->frame * 3600)), source = htonl(0x5eed0000u + c->number);
    uint16_t sequence = htons((uint16_t)packet), length = htons((uint16_t)(RTP_HEADER + size));
    at[0] = '$', at[1] = (uint8_t)c->channel;
    memcpy(at + 2, &length, 2);
    at[4] = 0x80, at[5] = (uint8_t)(96 | (marker ? 0x80 : 0));
    memcpy(at + 6, &sequence, 2);
    memcpy(at + 8, &stamp, 4);
    memcpy(at + 12, &source, 4);
    return at + 4 + RTP_HEADER;
}

/* The number of a frame's first packet: key frames have two more, for their parameter sets. */
static uint64_t first_packet(const struct connection *c, uint64_t frame)
{
    return frame * c->packets + 2 * ((frame + KEY_FRAMES - 1) / KEY_FRAMES);
}

/* Writes packets of a frame, from..to, into the picture; returns where they begin, and their size. */
static uint8_t *draw(const struct connection *c, unsigned from, unsigned to, size_t *size)
{
    int key = c->frame % KEY_FRAMES == 0;
    uint64_t packet = first_packet(c, c->frame) + (key ? 2 : 0);
    uint8_t *begin = picture + SETS_ROOM + (size_t)from * FRAMED;
    if (key && from == 0) {
        const size_t sets = 2 * (4 + RTP_HEADER) + sizeof sps + sizeof pps;
        uint8_t *at = begin -= sets;
        at = memcpy(put_header(at, c, sizeof sps, packet - 2, 0), sps, sizeof sps);
        at = memcpy(put_header(at + sizeof sps, c, sizeof pps, packet - 1, 0), pps, sizeof pps);
    }
    uint64_t now = now_ns();
    for (unsigned i = from; i < to; i++) {
        uint8_t *payload = picture + SETS_ROOM + (size_t)i * FRAMED;
        payload = put_header(payload, c, PACKET - RTP_HEADER, packet + i, i + 1 == c->packets);
        payload[0] = 0x60 | NAL_FU_A;
        payload[1] = (uint8_t)((i == 0 ? 0x80 : 0) | (i + 1 == c->packets ? 0x40 : 0) | (key ? NAL_IDR : 1));
        memcpy(payload + 2, &now, 8);
    }
    *size = (size_t)(picture + SETS_ROOM + (size_t)to * FRAMED - begin);
    return begin;
}

static void put_packets(struct connection *c, unsigned from, unsigned to)
{
    size_t size;
    uint8_t *begin = draw(c, from, to, &size);
    put(c, begin, size, 1);
}

/* Sends what is due. */
static void show(struct connection *c, uint64_t now)
{
    while (c->playing && c->next <= now) {
        writes++;
        late_writes += now - c->next > LATE_NS;
        if (c->mode == SPREAD) {
            put_packets(c, c->index, c->index + 1);
        } else if (c->mode == FRAME) {
            put_packets(c, 0, c->packets);
        } else {
            for (unsigned i = 0; i < c->packets; i++)
                put_packets(c, i, i + 1);
        }
        if (c->mode != SPREAD || ++c->index == c->packets)
            c->index = 0, c->frame++;
        c->next = began + c->phase + c->frame * FRAME_NS + (uint64_t)c->index * FRAME_NS / c->packets;
    }
}

static void begin_media(struct connection *c)
{
    /* Streams are spread over the time of a frame, none at the same moment as the next. */
    c->phase = c->mode == UNPACED ? 0 : (uint64_t)c->number * 618034u % 1000000u * FRAME_NS / 1000000u;
    c->frame = c->mode == UNPACED ? 0 : (now_ns() - began - c->phase) / FRAME_NS + 1;
    c->index = 0;
    c->next = c->mode == UNPACED ? UINT64_MAX : began + c->phase + c->frame * FRAME_NS;
}

static int logged_in(const char *message, const char *method)
{
    const char *login = field(message, "Authorization");
    char given[33], uri[512], its_nonce[64], wanted[33];
    if (login == NULL || !quoted(login, "response", given, sizeof given) || !quoted(login, "uri", uri, sizeof uri) ||
        !quoted(login, "nonce", its_nonce, sizeof its_nonce) || strcmp(its_nonce, nonce))
        return 0;
    digest_response(REALM, nonce, method, uri, wanted);
    return strcmp(given, wanted) == 0;
}

/* Reads /MODE/PACKETS/NUMBER. */
static int choose(struct connection *c, const char *uri)
{
    char mode[16];
    const char *path = strncmp(uri, "rtsp://", 7) ? uri : strchr(uri + 7, '/');
    if (path == NULL || sscanf(path, "/%15[a-z]/%u/%u", mode, &c->packets, &c->number) != 3)
        return 0;
    for (unsigned i = 0; i < sizeof mode_names / sizeof *mode_names; i++)
        if (strcmp(mode, mode_names[i]) == 0) {
            c->mode = (enum mode)i;
            return c->packets > 0 && c->packets <= MAX_PACKETS;
        }
    return 0;
}

static void answer(struct connection *c, const char *message)
{
    char method[32], uri[512], fields[1024] = "", body[512] = "", text[2048];
    const char *cseq = field(message, "CSeq"), *status = "200 OK";
    int start = 0;
    if (sscanf(message, "%31s %511s", method, uri) != 2) {
        shutdown(c->fd, SHUT_RDWR);
        return;
    }
    if (strcmp(method, "OPTIONS") == 0) {
        strcpy(fields, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n");
    } else if (!logged_in(message, method)) {
        status = "401 Unauthorized";
        refused += field(message, "Authorization") != NULL;
        snprintf(fields, sizeof fields, "WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"%s\"\r\n", nonce);
    } else if (strcmp(method, "DESCRIBE") == 0) {
        if (choose(c, uri)) {
            snprintf(fields, sizeof fields, "Content-Base: %s/\r\nContent-Type: application/sdp\r\n", uri);
            snprintf(body, sizeof body,
                     "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=bench\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
                     "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                     "a=fmtp:96 packetization-mode=1;profile-level-id=42c028;sprop-parameter-sets=%s\r\n"
                     "a=control:trackID=1\r\n",
                     sprop);
        } else {
            status = "404 Not Found";
        }
    } else if (strcmp(method, "SETUP") == 0) {
        const char *transport = field(message, "Transport");
        const char *channel = transport == NULL ? NULL : strstr(transport, "interleaved=");
        if (channel == NULL || !choose(c, uri)) {
            status = "461 Unsupported transport";
        } else {
            c->channel = (unsigned)atoi(channel + 12) & 0xff;
            snprintf(fields, sizeof fields,
                     "Session: %08x;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=%u-%u;ssrc=%08x\r\n",
                     c->number + 1, c->channel, c->channel + 1, 0x5eed0000u + c->number);
        }
    } else if (strcmp(method, "PLAY") == 0 && c->packets) {
        start = !c->playing;
        if (start)
            begin_media(c);
        snprintf(fields, sizeof fields,
                 "Session: %08x\r\nRange: npt=0.000-\r\nRTP-Info: url=rtsp:///%s/%u/%u/trackID=1;seq=%u;rtptime=%u\r\n",
                 c->number + 1, mode_names[c->mode], c->packets, c->number, (unsigned)(first_packet(c, c->frame) & 0xffff),
                 (uint32_t)(c->frame * 3600));
    } else if (strcmp(method, "TEARDOWN") == 0) {
        stop(c);
    } else if (strcmp(method, "GET_PARAMETER") && strcmp(method, "SET_PARAMETER")) {
        status = "455 Method Not Valid in This State";
    }
    int size = snprintf(text, sizeof text, "RTSP/1.0 %s\r\nCSeq: %.*s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                        cseq == NULL ? 0 : (int)strcspn(cseq, "\r\n"), cseq == NULL ? "" : cseq, fields, strlen(body), body);
    put(c, text, (size_t)size, 0);
    if (start) {
        c->playing = c->counted = 1;
        total++;
        if (++sessions > peak)
            peak = sessions;
        if (c->mode == UNPACED) {
            c->writable_wanted = 1;
            watch(c, EPOLL_CTL_MOD);
        }
    }
}

/* Reads requests and RTCP; says whether the connection is still there. */
static int hear(struct connection *c)
{
    ssize_t size = recv(c->fd, c->in + c->in_size, sizeof c->in - 1 - c->in_size, MSG_DONTWAIT);
    if (size <= 0)
        return size < 0 && errno == EAGAIN;
    c->in_size += (size_t)size;
    size_t at = 0;
    while (at < c->in_size) {
        size_t whole;
        if (c->in[at] == '$') {
            if (c->in_size - at < 4)
                break;
            whole = 4 + ((size_t)(uint8_t)c->in[at + 2] << 8 | (uint8_t)c->in[at + 3]);
        } else {
            c->in[c->in_size] = 0;
            char *end = strstr(c->in + at, "\r\n\r\n");
            if (end == NULL)
                break;
            whole = (size_t)(end + 4 - (c->in + at));
        }
        if (whole > c->in_size - at)
            break;
        if (c->in[at] != '$') {
            char kept = c->in[at + whole];
            c->in[at + whole] = 0;
            answer(c, c->in + at);
            c->in[at + whole] = kept;
        }
        at += whole;
    }
    memmove(c->in, c->in + at, c->in_size -= at);
    return c->in_size < sizeof c->in - 1;
}

static void welcome(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
    if (fd < 0)
        return;
    if (connected == MAX_CONNECTIONS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        fail("calloc");
    c->fd = fd;
    connections[connected++] = c;
    watch(c, EPOLL_CTL_ADD);
}

static void obey(void)
{
    char lines[256];
    ssize_t size = read(0, lines, sizeof lines - 1);
    if (size <= 0)
        exit(0);
    lines[size] = 0;
    if (strncmp(lines, "reset", 5) == 0)
        peak = sessions, total = refused = skipped = 0, writes = late_writes = 0;
    printf("{\"sessions\": %u, \"peak\": %u, \"total\": %u, \"refused\": %u, \"skipped\": %u, "
           "\"writes\": %llu, \"late_writes\": %llu}\n",
           sessions, peak, total, refused, skipped, writes, late_writes);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    be_punctual();
    memset(picture, 0x55, sizeof picture);
    began = now_ns();
    snprintf(nonce, sizeof nonce, "%016llx", (unsigned long long)began);
    struct rlimit files = {16384, 16384};
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[2]))};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (inet_pton(AF_INET, arguments[1], &address.sin_addr) != 1 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        fail("listen");
    poller = epoll_create1(0);
    struct epoll_event of_input = {.events = EPOLLIN, .data.ptr = &began}, of_listener = {.events = EPOLLIN};
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &of_input);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &of_listener);
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("{\"port\": %u}\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        uint64_t next = UINT64_MAX, now = now_ns();
        for (unsigned i = 0; i < connected; i++) {
            if (connections[i]->playing)
                show(connections[i], now);
            if (connections[i]->playing && connections[i]->next < next)
                next = connections[i]->next;
        }
        now = now_ns();
        uint64_t rest = next > now ? next - now : 0;
        struct timespec until = {(time_t)(rest / 1000000000u), (long)(rest % 1000000000u)};
        struct epoll_event events[64];
        int ready = epoll_pwait2(poller, events, 64, next == UINT64_MAX ? NULL : &until, NULL);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].data.ptr == &began) {
                obey();
            } else if (c == NULL) {
                welcome(listener);
            } else if ((events[i].events & ~(uint32_t)EPOLLOUT) && !hear(c)) {
                drop(c);
            } else if (events[i].events & EPOLLOUT) {
                put_waiting(c);
                if (c->mode == UNPACED && c->playing && !c->waiting_size) {
                    put_packets(c, 0, c->packets);
                    c->frame++;
                }
            }
        }
    }
}
