/* option_file.h - the lines of a configuration file, in coturn's syntax.
 *
 *	# a comment: a whole line
 *	key = value		blanks around '=' do not matter; "key value" works too
 *	key			no value: a switch is on
 *	key = "value"		one pair of quotes around the value is taken off
 *
 * A value runs to the end of its line: '#' and '=' may be part of it. Pure; nothing is copied.
 */
#ifndef COMMON_DAEMON_OPTION_FILE_H
#define COMMON_DAEMON_OPTION_FILE_H

#include "common/base/span.h"

struct option_line {
	unsigned number;	/* from 1 */
	struct span key;	/* never empty */
	struct span value;
	bool has_value;
};

/* The next line that is neither empty nor a comment; false at the end. *rest is what has not been read yet;
 * line->number counts on from call to call and is 0 before the first. */
bool option_file_next(struct span *rest, struct option_line *line);

#endif
