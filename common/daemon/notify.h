/* notify.h - what systemd (or who else set NOTIFY_SOCKET) is told: sd_notify(3) without its library.
 *
 * Without NOTIFY_SOCKET nothing happens; a lost datagram is nobody's error.
 */
#ifndef COMMON_DAEMON_NOTIFY_H
#define COMMON_DAEMON_NOTIFY_H

#include "common/base/clock.h"

void notify_send(const char *state);	/* "READY=1": lines as in sd_notify(3) */
void notify_reloading(void);		/* RELOADING=1 with the time it needs beside it; end it with READY=1 */
msec_t notify_watchdog(void);		/* how often "WATCHDOG=1" is due (half of WATCHDOG_USEC); 0: never */

#endif
