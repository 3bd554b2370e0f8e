/* What the recorder and the viewers of the bench share: the clock, MD5 (RFC 1321), digest logins (RFC 2069), header fields. */
#ifndef RTSP_H
#define RTSP_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define USERNAME "viewer"
#define PASSWORD "only-for-the-bench"

#define NAL_IDR 5
#define NAL_FU_A 28
#define RTP_HEADER 12
/* Where a packet's time of sending is: behind the FU indicator and the FU header (RFC 6184 section 5.8). */
#define TIME_AT (RTP_HEADER + 2)

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* Timers of the kernel fire when asked, not up to 50 us later. */
static inline void be_punctual(void)
{
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, 15, 0, 0, 0);
}

static inline void md5_block(uint32_t state[4], const uint8_t *block)
{
    static const uint8_t shifts[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
    static const uint32_t sines[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
        0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
        0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
        0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
        0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
        0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
        0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], words[16];
    memcpy(words, block, 64);
    for (int i = 0; i < 64; i++) {
        int round = i / 16;
        uint32_t f = round == 0 ? (b & c) | (~b & d) : round == 1 ? (d & b) | (~d & c) : round == 2 ? b ^ c ^ d : c ^ (b | ~d);
        static const uint8_t factors[4] = {1, 5, 3, 7}, offsets[4] = {0, 1, 5, 0};
        uint32_t sum = a + f + sines[i] + words[(factors[round] * i + offsets[round]) % 16];
        uint8_t shift = shifts[round * 4 + i % 4];
        a = d, d = c, c = b;
        b += sum << shift | sum >> (32 - shift);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

static inline void md5_hex(const char *text, char hex[33])
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint64_t size = strlen(text), done = 0;
    uint8_t tail[128] = {0};
    for (; size - done >= 64; done += 64)
        md5_block(state, (const uint8_t *)text + done);
    memcpy(tail, text + done, size - done);
    tail[size - done] = 0x80;
    size_t whole = size - done < 56 ? 64 : 128;
    uint64_t bits = size * 8;
    memcpy(tail + whole - 8, &bits, 8);
    for (size_t at = 0; at < whole; at += 64)
        md5_block(state, tail + at);
    for (int i = 0; i < 16; i++)
        sprintf(hex + 2 * i, "%02x", ((uint8_t *)state)[i]);
}

static inline void digest_response(const char *realm, const char *nonce, const char *method, const char *uri, char hex[33])
{
    char first[33], second[33], text[1024];
    snprintf(text, sizeof text, "%s:%s:%s", USERNAME, realm, PASSWORD);
    md5_hex(text, first);
    snprintf(text, sizeof text, "%s:%s", method, uri);
    md5_hex(text, second);
    snprintf(text, sizeof text, "%s:%s:%s", first, nonce, second);
    md5_hex(text, hex);
}

/* Copies the value of NAME="VALUE" in a line that ends with CR or NUL; says whether there is one. */
static inline int quoted(const char *line, const char *name, char *value, size_t room)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%s=\"", name);
    const char *end = line + strcspn(line, "\r\n"), *at = strstr(line, wanted);
    if (at == NULL || at > end)
        return 0;
    at += strlen(wanted);
    size_t length = strcspn(at, "\"\r\n");
    if (length >= room)
        return 0;
    memcpy(value, at, length);
    value[length] = 0;
    return 1;
}

/* Returns the value of the first field of a name at or after a place in a message that ends with NUL, else NULL. */
static inline const char *field(const char *message, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = message; (line = strstr(line, "\r\n")) != NULL;) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " ");
    }
    return NULL;
}

#endif
