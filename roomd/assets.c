#include "roomd/assets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/crypto/digest.h"

enum { DEPTH_MAX = 8, FILES_MAX = 4096, FILE_BYTES_MAX = 16 * 1024 * 1024 };

struct assets {
	struct asset *v;
	size_t n, cap;
	bool owns_bytes;
};

static const char *content_type(const char *path)
{
	static const struct { const char *ending, *type; } types[] = {
		{ ".html", "text/html; charset=utf-8" },	{ ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },			{ ".ico", "image/x-icon" },
		{ ".txt", "text/plain; charset=utf-8" },	{ ".json", "application/json" },
		{ ".webmanifest", "application/manifest+json" }, { ".woff2", "font/woff2" },
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* The path is copied; the bytes become ours if a->owns_bytes, also on failure. */
static bool add(struct assets *a, const char *path, struct span bytes)
{
	uint8_t hash[SHA256_SIZE];
	struct asset *f;

	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 32;
		struct asset *v = realloc(a->v, cap * sizeof(*v));
		if (v == NULL)
			goto fail;
		a->v = v;
		a->cap = cap;
	}
	f = &a->v[a->n];
	*f = (struct asset){ .path = strdup(path), .content_type = content_type(path), .bytes = bytes };
	if (f->path == NULL || digest_sha256(bytes, hash) != 0) {
		free(f->path);
		goto fail;
	}
	f->etag[0] = '"';
	for (size_t i = 0; i < 16; i++)
		snprintf(f->etag + 1 + 2 * i, 3, "%02x", hash[i]);
	f->etag[33] = '"';
	a->n++;
	return true;

fail:
	if (a->owns_bytes)
		free((void *)(uintptr_t)bytes.p);
	return false;
}

static bool read_file(const char *name, size_t size, uint8_t **out)
{
	FILE *f = fopen(name, "rbe");
	bool good;

	*out = malloc(size + 1);
	good = f != NULL && *out != NULL && fread(*out, 1, size, f) == size;
	if (f != NULL)
		fclose(f);
	if (!good)
		free(*out);
	return good;
}

/* at: the folder's URL path, "" for the root. On failure why[] says it. */
static bool add_folder(struct assets *a, const char *root, const char *at, int depth, char why[256])
{
	char name[4096], path[1024];
	struct dirent *e;
	struct stat st;
	uint8_t *bytes;
	bool good = true;
	DIR *d;

	snprintf(name, sizeof(name), "%s%s", root, at);
	d = opendir(name);
	if (d == NULL) {
		snprintf(why, 256, "cannot read %.200s: %s", name, strerror(errno));
		return false;
	}
	while (good && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", at, e->d_name) >= sizeof(path) ||
		    (size_t)snprintf(name, sizeof(name), "%s%s", root, path) >= sizeof(name) || stat(name, &st) != 0) {
			good = false;
		} else if (S_ISDIR(st.st_mode)) {
			good = depth < DEPTH_MAX && add_folder(a, root, path, depth + 1, why);
			continue;
		} else if (S_ISREG(st.st_mode)) {
			good = a->n < FILES_MAX && st.st_size <= FILE_BYTES_MAX && read_file(name, (size_t)st.st_size, &bytes) &&
				add(a, path, span_of(bytes, (size_t)st.st_size));
		}
		if (!good)
			snprintf(why, 256, "cannot use %.200s", name);
	}
	closedir(d);
	return good;
}

struct assets *assets_load(const char *root, char why[256])
{
	struct assets *a = calloc(1, sizeof(*a));
	bool good = a != NULL;

	snprintf(why, 256, "no memory for the web client's files");
	if (a == NULL)
		return NULL;
	a->owns_bytes = root != NULL;
	if (root != NULL)
		good = add_folder(a, root, "", 0, why);
	else
		for (const struct web_file *f = web_files; good && f->path != NULL; f++)
			good = add(a, f->path, span_of(f->bytes, f->len));
	if (good && assets_find(a, SPAN_LIT("/index.html")) == NULL) {
		snprintf(why, 256, "there is no index.html in %.200s", root != NULL ? root : "the built-in web client");
		good = false;
	}
	if (!good) {
		assets_free(a);
		return NULL;
	}
	return a;
}

void assets_free(struct assets *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n; i++) {
		free(a->v[i].path);
		if (a->owns_bytes)
			free((void *)(uintptr_t)a->v[i].bytes.p);
	}
	free(a->v);
	free(a);
}

const struct asset *assets_find(const struct assets *a, struct span path)
{
	for (size_t i = 0; i < a->n; i++)
		if (span_eq_str(path, a->v[i].path))
			return &a->v[i];
	return NULL;
}
