/* option_value.h - the value of one option: from text into its field of the config struct, and back.
 *
 * Inside options only. Nothing is read or printed here.
 *
 * Owner: strings and lists in the config are the heap's; option_value_clear() lets go of them.
 */
#ifndef COMMON_DAEMON_OPTION_VALUE_H
#define COMMON_DAEMON_OPTION_VALUE_H

#include "common/daemon/options.h"

enum { OPTION_WHY = 256 };	/* room for the sentence that says what is wrong */

static inline bool option_has_field(const struct option *row)
{
	return row->kind != OPT_DROPPED && row->kind != OPT_GROUP;
}

static inline bool option_is_list(const struct option *row)
{
	return row->kind == OPT_STRINGS || row->kind == OPT_SECRETS;
}

static inline bool option_is_secret(const struct option *row)
{
	return row->kind == OPT_SECRET || row->kind == OPT_SECRETS;
}

/* Sets the field, or appends to a list. Empty text takes a string away and empties a list; for a secret it is an
 * error. False leaves the field as it was and says in why[] what is wrong, without a secret's value. */
bool option_value_set(const struct option *row, void *config, struct span text, char why[OPTION_WHY]);

/* Back to zero; secrets are wiped. */
void option_value_clear(const struct option *row, void *config);

/* How many values there are: of a list its length, of a string 0 or 1, else 1. */
size_t option_value_count(const struct option *row, const void *config);

/* Appends the i-th value as a user would write it; "***" for a secret. */
void option_value_print(const struct option *row, const void *config, size_t i, struct buf *out);

#endif
