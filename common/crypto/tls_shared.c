#include "common/crypto/tls_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/digest.h"

enum { FILE_MAX = 1 << 20 };

/* --- files --------------------------------------------------------------------------------------------------- */

static ssize_t read_all(int fd, uint8_t *out, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t rc = read(fd, out + n, size - n);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
		n += (size_t)rc;
	}
	return (ssize_t)n;
}

struct span tls_file_read(const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *text = NULL;
	ssize_t n = -1;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < FILE_MAX) {
		text = malloc((size_t)st.st_size + 1);
		if (text != NULL)
			n = read_all(fd, text, (size_t)st.st_size);
		else
			errno = ENOMEM;
		if (n >= 0)
			text[n] = 0;
		else
			snprintf(why, size, "%s: cannot be read: %s", path, strerror(errno));
	} else if (fd >= 0) {
		snprintf(why, size, "%s: is not a file of less than 1 MiB", path);
	} else {
		snprintf(why, size, "%s: cannot be read: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return span_of(NULL, 0);
	}
	return span_of(text, (size_t)n + 1);
}

void tls_file_free(struct span text)
{
	uint8_t *p = (uint8_t *)(uintptr_t)text.p;

	if (p != NULL)
		secret_wipe(p, text.len);
	free(p);
}

/* --- ALPN ---------------------------------------------------------------------------------------------------- */

bool tls_alpn_copy(struct tls_alpn *a, const char *const *names)
{
	size_t n = 0, size = 0;
	char *to;

	while (n < TLS_ALPN_MAX && names[n] != NULL)
		size += strlen(names[n++]) + 1;
	if (n == 0)
		return true;
	to = a->text = malloc(size);
	if (to == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		a->names[i] = to;
		to = stpcpy(to, names[i]) + 1;
	}
	return true;
}

int tls_alpn_configure(const struct tls_alpn *a, mbedtls_ssl_config *conf)
{
	return a->names[0] != NULL ? mbedtls_ssl_conf_alpn_protocols(conf, (const char **)(uintptr_t)a->names) : 0;
}

void tls_alpn_close(struct tls_alpn *a)
{
	free(a->text);
	*a = (struct tls_alpn){ 0 };
}
