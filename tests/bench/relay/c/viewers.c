/* Viewers that are cheap and exact: RTSP with digest login; they look at each RTP packet's number and time.
 *
 * Lines on standard input, each answered by one line of JSON; its end ends the program:
 *   open GROUP ADDRESS PORT PATH   one more viewer in a group (0 to 15)
 *   join GROUP ADDRESS PORT PATH   the same, answered once its first key frame is there: milliseconds from connect
 *   stop|go|discard|close GROUP    stop reading, go on, read without looking, or end
 *   reset                          count anew
 *   report                         what was counted, by group
 *   churn COUNT AT_ONCE ADDRESS PORT PORTS PATH
 *                                  connect and disconnect so often, over so many ports from PORT on: in turns once connected,
 *                                  described, set up and played; answered when done */
#include "rtsp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define GROUPS 16
#define CHURNING (GROUPS - 1)
#define MAX_VIEWERS 1024
#define BUFFER (1u << 20)
#define KEPT (70u * 1024)
#define KEEP_ALIVE_NS 5000000000u
/* The packets of a group whose times are kept; later ones count, but their times don't. */
#define MAX_TIMES (4u << 20)

enum step { CONNECT, DESCRIBE, SETUP, PLAY, WATCH, END };
static const char *const methods[] = {"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER"};

struct viewer {
    int fd, known, in_key, login_sent, joining, reached;
    enum step step, until;
    unsigned group, cseq;
    uint16_t expected;
    uint64_t began, keep_alive;
    char uri[160], base[160], control[160], session[64], realm[128], nonce[128];
    uint8_t *kept;
    size_t kept_size;
};

struct group {
    int stopped, discarding;
    unsigned opened, ended;
    uint64_t bytes, packets, lost, late;
    uint32_t *times;
    size_t timed;
};

static struct viewer *viewers[MAX_VIEWERS];
static unsigned watching;
static struct group groups[GROUPS];
static uint8_t buffer[BUFFER + KEPT];
static int poller;
static struct {
    unsigned left, running, done, failed, ports;
    char address[32], path[96];
    unsigned port;
} churn;

static void start_churning(void);

static void listen_to(struct viewer *v, int operation)
{
    struct epoll_event event = {.data.ptr = v};
    event.events = (groups[v->group].stopped ? 0 : EPOLLIN) | (v->step == CONNECT ? EPOLLOUT : 0);
    if (epoll_ctl(poller, operation, v->fd, &event))
        fail("epoll_ctl");
}

static void leave(struct viewer *v)
{
    close(v->fd);
    v->step = END;
}

static void bury(struct viewer *v)
{
    unsigned group = v->group;
    for (unsigned i = 0; i < watching; i++)
        if (viewers[i] == v)
            viewers[i] = viewers[--watching];
    free(v->kept);
    free(v);
    if (group == CHURNING) {
        churn.running--;
        churn.done++;
        start_churning();
        if (churn.running == 0) {
            printf("{\"done\": %u, \"failed\": %u}\n", churn.done, churn.failed);
            fflush(stdout);
        }
    }
}

static void ask(struct viewer *v)
{
    char login[768] = "", more[256] = "", text[1536], response[33];
    const char *uri = v->step == SETUP ? v->control : v->step == DESCRIBE ? v->uri : v->base;
    if (*v->nonce) {
        digest_response(v->realm, v->nonce, methods[v->step], uri, response);
        snprintf(login, sizeof login,
                 "Authorization: Digest username=\"" USERNAME
                 "\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", algorithm=MD5, response=\"%s\"\r\n",
                 v->realm, v->nonce, uri, response);
    }
    if (v->step == DESCRIBE)
        strcpy(more, "Accept: application/sdp\r\n");
    else if (v->step == SETUP)
        strcpy(more, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
    else
        snprintf(more, sizeof more, "Session: %s\r\n", v->session);
    int size = snprintf(text, sizeof text, "%s %s RTSP/1.0\r\nCSeq: %u\r\n%s%s\r\n", methods[v->step], uri, ++v->cseq, login, more);
    v->login_sent = *v->nonce != 0;
    if (send(v->fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT) != size)
        leave(v);
}

static void keep_alive(struct viewer *v, uint64_t now)
{
    /* A receiver report about nothing (RFC 3550 section 6.4.2). */
    static const uint8_t report[] = {'$', 1, 0, 8, 0x80, 201, 0, 1, 0, 0, 0, 1};
    v->keep_alive = now + KEEP_ALIVE_NS;
    send(v->fd, report, sizeof report, MSG_NOSIGNAL | MSG_DONTWAIT);
    ask(v);
}

static void copy(char *to, size_t room, const char *from, const char *until)
{
    size_t length = from == NULL ? 0 : strcspn(from, until);
    if (length >= room)
        length = room - 1;
    memcpy(to, from, length);
    to[length] = 0;
}

/* Takes the MD5 challenge of several; says whether there is one. */
static int take_challenge(struct viewer *v, const char *message)
{
    for (const char *line = message; (line = field(line, "WWW-Authenticate")) != NULL;) {
        const char *algorithm = strstr(line, "algorithm="), *end = line + strcspn(line, "\r\n");
        int md5 = algorithm == NULL || algorithm > end || strncmp(algorithm + 10, "MD5", 3) == 0;
        if (md5 && quoted(line, "realm", v->realm, sizeof v->realm) && quoted(line, "nonce", v->nonce, sizeof v->nonce))
            return 1;
    }
    return 0;
}

/* Takes an answer, head and body, and asks what comes next. */
static void take_answer(struct viewer *v, const char *message)
{
    int status = atoi(message + 9);
    if (status == 401 && !v->login_sent && take_challenge(v, message)) {
        ask(v);
        return;
    }
    if (status != 200) {
        leave(v);
        return;
    }
    if (v->step == DESCRIBE) {
        const char *media = strstr(message, "m=video"), *control = media == NULL ? NULL : strstr(media, "a=control:");
        copy(v->base, sizeof v->base, field(message, "Content-Base"), "\r\n");
        if (control == NULL || !*v->base) {
            leave(v);
            return;
        }
        if (strncmp(control + 10, "rtsp://", 7) == 0) {
            copy(v->control, sizeof v->control, control + 10, "\r\n");
        } else {
            size_t length = strlen(v->base);
            memcpy(v->control, v->base, length);
            copy(v->control + length, sizeof v->control - length, control + 10, "\r\n");
        }
    } else if (v->step == SETUP) {
        copy(v->session, sizeof v->session, field(message, "Session"), ";\r\n");
    } else if (v->step == WATCH) {
        return;
    }
    v->step++;
    if (v->step > v->until) {
        v->reached = 1;
        leave(v);
    } else if (v->step != WATCH)
        ask(v);
    else
        v->keep_alive = now_ns() + KEEP_ALIVE_NS;
}

static void take_packet(struct viewer *v, const uint8_t *packet, size_t size, uint64_t now)
{
    struct group *g = &groups[v->group];
    uint16_t sequence;
    if (size <= TIME_AT + 8 && (size <= RTP_HEADER || (packet[RTP_HEADER] & 31) == NAL_FU_A))
        return;
    memcpy(&sequence, packet + 2, 2);
    sequence = ntohs(sequence);
    if (v->known) {
        uint16_t ahead = (uint16_t)(sequence - v->expected);
        if (ahead < 0x8000)
            g->lost += ahead;
        else
            g->late++;
    }
    v->known = 1;
    v->expected = (uint16_t)(sequence + 1);
    g->packets++;
    if ((packet[RTP_HEADER] & 31) != NAL_FU_A)
        return;
    uint64_t sent;
    memcpy(&sent, packet + TIME_AT, 8);
    if (g->timed < MAX_TIMES)
        g->times[g->timed++] = now - sent > UINT32_MAX ? UINT32_MAX : (uint32_t)(now - sent);
    uint8_t header = packet[RTP_HEADER + 1];
    if ((header & 31) == NAL_IDR) {
        v->in_key |= header >> 7;
        if (v->joining && v->in_key && (header & 0x40)) {
            v->joining = 0;
            printf("{\"ms\": %.3f}\n", (double)(now_ns() - v->began) / 1e6);
            fflush(stdout);
        }
    }
}

/* Returns the size of the answer at a place, 0 where it isn't whole; it is ended by NUL for a moment to be read as text. */
static size_t answer_at(struct viewer *v, uint8_t *at, size_t size)
{
    uint8_t *end = memmem(at, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    uint8_t kept = end[3];
    end[3] = 0;
    const char *length = field((char *)at, "Content-Length");
    size_t whole = (size_t)(end + 4 - at) + (length == NULL ? 0 : (size_t)atoi(length));
    end[3] = kept;
    if (whole > size)
        return 0;
    kept = at[whole];
    at[whole] = 0;
    take_answer(v, (char *)at);
    at[whole] = kept;
    return whole;
}

static void watch(struct viewer *v)
{
    struct group *g = &groups[v->group];
    if (g->discarding && v->step == WATCH) {
        ssize_t size = recv(v->fd, buffer, 16 << 20, MSG_DONTWAIT | MSG_TRUNC);
        if (size > 0)
            g->bytes += (uint64_t)size;
        else if (size == 0)
            leave(v);
        return;
    }
    memcpy(buffer, v->kept, v->kept_size);
    ssize_t size = recv(v->fd, buffer + v->kept_size, BUFFER - 1, MSG_DONTWAIT);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN)
            leave(v);
        return;
    }
    g->bytes += (uint64_t)size;
    uint64_t now = now_ns();
    size_t at = 0, end = v->kept_size + (size_t)size;
    while (v->step != END && end - at > 4) {
        size_t whole;
        if (buffer[at] == '$') {
            whole = 4 + ((size_t)buffer[at + 2] << 8 | buffer[at + 3]);
            if (whole > end - at)
                break;
            if (buffer[at + 1] == 0)
                take_packet(v, buffer + at + 4, whole - 4, now);
        } else if (memcmp(buffer + at, "RTSP", 4)) {
            leave(v); /* framing is lost */
            break;
        } else if ((whole = answer_at(v, buffer + at, end - at)) == 0) {
            break;
        }
        at += whole;
    }
    if (v->step != END && end - at > KEPT)
        leave(v);
    else
        memcpy(v->kept, buffer + at, v->kept_size = end - at);
}

static struct viewer *open_viewer(unsigned group, const char *address, unsigned port, const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (watching == MAX_VIEWERS || fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
        fail("open");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct viewer *v = calloc(1, sizeof *v);
    if (v == NULL || (v->kept = malloc(KEPT)) == NULL)
        fail("malloc");
    v->fd = fd, v->group = group, v->until = WATCH, v->began = now_ns();
    snprintf(v->uri, sizeof v->uri, "rtsp://%s:%u%s", address, port, path);
    viewers[watching++] = v;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        fail("connect");
    listen_to(v, EPOLL_CTL_ADD);
    return v;
}

static void start_churning(void)
{
    if (churn.left == 0)
        return;
    churn.left--;
    churn.running++;
    struct viewer *v =
        open_viewer(CHURNING, churn.address, churn.port + churn.left % churn.ports, churn.path);
    v->until = (enum step)(churn.left / churn.ports % 4);
}

static void serve(struct viewer *v, uint32_t events)
{
    if (v->step == CONNECT) {
        int problem = 0;
        socklen_t size = sizeof problem;
        getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
        if (problem) {
            leave(v);
        } else if (v->until == CONNECT) {
            v->reached = 1;
            leave(v);
        } else {
            v->step = DESCRIBE;
            listen_to(v, EPOLL_CTL_MOD);
            ask(v);
        }
    } else if (events & EPOLLIN) {
        watch(v);
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        leave(v);
    }
}

static int by_size(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return a < b ? -1 : a > b;
}

static void report(void)
{
    printf("{");
    for (unsigned i = 0, first = 1; i < GROUPS; i++) {
        struct group *g = &groups[i];
        unsigned here = 0, playing = 0;
        for (unsigned k = 0; k < watching; k++)
            if (viewers[k]->group == i)
                here++, playing += viewers[k]->step == WATCH && viewers[k]->known;
        if (!here && !g->ended)
            continue;
        qsort(g->times, g->timed, sizeof *g->times, by_size);
        double p50 = 0, p99 = 0, most = 0;
        if (g->timed) {
            p50 = g->times[g->timed / 2] / 1e6;
            p99 = g->times[(size_t)((double)(g->timed - 1) * 0.99)] / 1e6;
            most = g->times[g->timed - 1] / 1e6;
        }
        printf("%s\"%u\": {\"viewers\": %u, \"playing\": %u, \"ended\": %u, \"bytes\": %llu, \"packets\": %llu, "
               "\"lost\": %llu, \"late\": %llu, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f}",
               first ? "" : ", ", i, here, playing, g->ended, (unsigned long long)g->bytes,
               (unsigned long long)g->packets, (unsigned long long)g->lost, (unsigned long long)g->late, p50, p99, most);
        first = 0;
    }
    printf("}\n");
}

static void obey_line(char *line)
{
    char verb[16], address[32], path[96];
    unsigned group = 0, port, count, at_once, ports;
    if (sscanf(line, "churn %u %u %31s %u %u %95s", &count, &at_once, address, &port, &ports, path) == 6) {
        memset(&churn, 0, sizeof churn);
        churn.left = count, churn.port = port, churn.ports = ports;
        strcpy(churn.address, address);
        strcpy(churn.path, path);
        for (unsigned i = 0; i < at_once; i++)
            start_churning();
        return;
    }
    if (sscanf(line, "%15s %u", verb, &group) < 1 || group >= CHURNING)
        fail("line");
    struct group *g = &groups[group];
    if ((strcmp(verb, "open") == 0 || strcmp(verb, "join") == 0) &&
        sscanf(line, "%*s %*u %31s %u %95s", address, &port, path) == 3) {
        struct viewer *v = open_viewer(group, address, port, path);
        if ((v->joining = *verb == 'j'))
            return;
    } else if (strcmp(verb, "reset") == 0) {
        for (unsigned i = 0; i < GROUPS; i++)
            groups[i].bytes = groups[i].packets = groups[i].lost = groups[i].late = groups[i].ended = 0, groups[i].timed = 0;
    } else if (strcmp(verb, "report") == 0) {
        report();
        fflush(stdout);
        return;
    } else if (strcmp(verb, "discard") == 0) {
        g->discarding = 1;
    } else if (strcmp(verb, "stop") == 0 || strcmp(verb, "go") == 0) {
        g->stopped = *verb == 's';
        for (unsigned i = 0; i < watching; i++)
            if (viewers[i]->group == group)
                listen_to(viewers[i], EPOLL_CTL_MOD);
    } else if (strcmp(verb, "close") == 0) {
        for (unsigned i = watching; i-- > 0;)
            if (viewers[i]->group == group) {
                leave(viewers[i]);
                bury(viewers[i]);
            }
        uint32_t *times = g->times;
        memset(g, 0, sizeof *g);
        g->times = times;
    } else {
        fail("line");
    }
    puts("{}");
    fflush(stdout);
}

static void obey(void)
{
    static char lines[64 * 1024];
    static size_t held;
    ssize_t size = read(0, lines + held, sizeof lines - 1 - held);
    if (size <= 0)
        exit(0);
    lines[held += (size_t)size] = 0;
    char *line = lines, *end;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = 0;
        obey_line(line);
    }
    memmove(lines, line, held -= (size_t)(line - lines));
}

int main(void)
{
    be_punctual();
    struct rlimit files = {16384, 16384};
    setrlimit(RLIMIT_NOFILE, &files);
    for (unsigned i = 0; i < GROUPS; i++)
        if ((groups[i].times = malloc(MAX_TIMES * sizeof(uint32_t))) == NULL)
            fail("malloc");
    poller = epoll_create1(0);
    struct epoll_event of_input = {.events = EPOLLIN};
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &of_input);
    puts("{}");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, 500), obeying = 0;
        for (int i = 0; i < ready; i++) {
            struct viewer *v = events[i].data.ptr;
            if (v == NULL) {
                obeying = 1; /* after the viewers: it may end some of them */
                continue;
            }
            serve(v, events[i].events);
            if (v->step == END) {
                groups[v->group].ended++;
                if (v->group == CHURNING)
                    churn.failed += !v->reached;
                bury(v);
            }
        }
        if (obeying)
            obey();
        uint64_t now = now_ns();
        for (unsigned i = 0; i < watching; i++)
            if (viewers[i]->step == WATCH && now > viewers[i]->keep_alive && !groups[viewers[i]->group].stopped)
                keep_alive(viewers[i], now);
    }
}
