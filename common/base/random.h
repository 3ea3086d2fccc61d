/* random.h - random bytes, from getrandom(2) only (threat model D-S7), or from a test that says so. */
#ifndef COMMON_BASE_RANDOM_H
#define COMMON_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Cannot fail: a kernel that gives no randomness ends the process. Any thread. Small requests are served
 * from a per-thread buffer that is wiped as it is used. */
void random_bytes(void *out, size_t n);

uint32_t random_u32(void);
uint32_t random_below(uint32_t n);	/* uniform in [0, n); n > 0 */

/* Tests only: the source of all bytes from now on; NULL goes back to the kernel. Not thread-safe. */
void random_source_set(void (*fill)(void *out, size_t n));

#endif
