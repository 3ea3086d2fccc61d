#include "tests/lib/redis_text.h"

#include <inttypes.h>

void redis_text(struct buf *out, const struct redis_value *v)
{
	static const char *const ours[] = {
		[REDIS_DOWN] = "down", [REDIS_TIMEOUT] = "timeout", [REDIS_LOST] = "lost", [REDIS_NOMEM] = "nomem",
		[REDIS_STOPPED] = "stopped",
	};

	switch (v->kind) {
	case REDIS_NIL:
		buf_add_str(out, "nil");
		break;
	case REDIS_INTEGER:
		buf_addf(out, "%" PRId64, v->integer);
		break;
	case REDIS_STRING:
		buf_addf(out, "\"%.*s\"", SPAN_ARG(v->str));
		break;
	case REDIS_STATUS:
		buf_addf(out, "status %.*s", SPAN_ARG(v->str));
		break;
	case REDIS_ERROR:
		buf_addf(out, "error %.*s", SPAN_ARG(v->str));
		break;
	case REDIS_ARRAY:
		buf_add_byte(out, '[');
		for (size_t i = 0; i < v->n; i++) {
			if (i > 0)
				buf_add_byte(out, ' ');
			redis_text(out, &v->item[i]);
		}
		buf_add_byte(out, ']');
		break;
	default:
		buf_add_str(out, ours[v->kind]);
	}
}

void redis_text_line(void *out, const struct redis_value *v)
{
	redis_text(out, v);
	buf_add_byte(out, '\n');
}
