#include "common/daemon/runtime.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"

#define NSEC_PER_SEC UINT64_C(1000000000)
#define LONG_TURN (NSEC_PER_SEC / 20)
#define WINDOW (60 * NSEC_PER_SEC)

static void on_turn(uv_prepare_t *handle)
{
	struct runtime *r = handle->data;
	uint64_t now = uv_hrtime(), idle = uv_metrics_idle_time(handle->loop);
	uint64_t waited = idle - r->idle, passed = now - r->began;
	uint64_t busy = passed > waited ? passed - waited : 0;

	r->began = now;
	r->idle = idle;
	if (now - r->window_began >= WINDOW) {
		r->longest[1] = r->longest[0];
		r->longest[0] = 0;
		r->window_began = now;
	}
	if (busy > r->longest[0])
		r->longest[0] = busy;
	r->long_turns += busy > LONG_TURN;
}

int runtime_start(struct runtime *r, uv_loop_t *loop, const char *daemon)
{
	int rc;

	*r = (struct runtime){ .daemon = daemon, .started = clock_unix() };
	if ((rc = uv_loop_configure(loop, UV_METRICS_IDLE_TIME)) < 0 || (rc = uv_prepare_init(loop, &r->turn)) < 0)
		return rc;
	r->turn.data = r;
	r->began = r->window_began = uv_hrtime();
	uv_unref((uv_handle_t *)&r->turn);
	return uv_prepare_start(&r->turn, on_turn);
}

void runtime_stop(struct runtime *r)
{
	if (r->turn.loop != NULL && !uv_is_closing((uv_handle_t *)&r->turn))
		uv_close((uv_handle_t *)&r->turn, NULL);
}

static uint64_t open_descriptors(void)
{
	struct stat st;
	uint64_t n = 0;
	DIR *d;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)	/* Linux 6.2 and later count for us */
		return (uint64_t)st.st_size;
	d = opendir("/proc/self/fd");
	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0;	/* ".", "..", and the one we look through */
}

static void memory_pages(unsigned long *all, unsigned long *resident)
{
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL || fscanf(f, "%lu %lu", all, resident) != 2)
		*all = *resident = 0;
	if (f != NULL)
		fclose(f);
}

static void print_one(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name, value);
}

void runtime_print(const struct runtime *r, struct buf *out)
{
	struct rusage usage = { .ru_utime = { 0 } };
	struct rlimit limit = { .rlim_cur = 0 };
	unsigned long all, resident;
	uint64_t longest = r->longest[0] > r->longest[1] ? r->longest[0] : r->longest[1];
	double page = (double)sysconf(_SC_PAGESIZE);

	getrusage(RUSAGE_SELF, &usage);
	getrlimit(RLIMIT_NOFILE, &limit);
	memory_pages(&all, &resident);
	buf_addf(out, "# HELP suite_build_info Which daemon and version this is.\n# TYPE suite_build_info gauge\n"
		      "suite_build_info{daemon=\"%s\",version=\"%s\"} 1\n", r->daemon, SUITE_VERSION);
	print_one(out, "process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.",
		  (double)r->started);
	print_one(out, "process_cpu_seconds_total", "counter", "CPU time of all threads.",
		  (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	print_one(out, "process_open_fds", "gauge", "Open file descriptors.", (double)open_descriptors());
	print_one(out, "process_max_fds", "gauge", "Most file descriptors that may be open.", (double)limit.rlim_cur);
	print_one(out, "process_virtual_memory_bytes", "gauge", "Address space in use.", (double)all * page);
	print_one(out, "process_resident_memory_bytes", "gauge", "Memory in use.", (double)resident * page);
	print_one(out, "suite_loop_longest_turn_seconds", "gauge",
		  "Longest time the main loop was busy in one turn, within the last one to two minutes.",
		  (double)longest / (double)NSEC_PER_SEC);
	print_one(out, "suite_loop_long_turns_total", "counter", "Turns of the main loop that took more than 50 ms.",
		  (double)r->long_turns);
}
