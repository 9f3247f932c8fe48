/* SPDX-License-Identifier: MIT */
/*
 * recipe.c - see recipe.h. The surprise: libinih tells neither line numbers nor section headers, so the lines are counted by the
 * reader that hands them out, and a section begins when its name changes; two sections of one name in a row would be one, and
 * their keys are refused as given twice.
 */
#include "discover/recipe_parts.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FILE_MAX 65536
#if defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_X86_64
#endif

struct reading {
	struct recipe *recipe;
	struct diag *d;
	const char *at, *end;
	unsigned int line;
	int error;
	char section[64];
};

/* ---- words ------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *form;
	enum recipe_where where;
} wheres[] = {
#define WHERE(id, word, form, text) { word, form, RECIPE_AT_##id },
#include "discover/recipe.def"
};

static const char *const fields[RECIPE_FIELD_COUNT] = {
#define FIELD(id, name, text) [RECIPE_FIELD_##id] = name,
#include "discover/recipe.def"
};

static const char *const kinds[PS_KIND_COUNT] = {
#define KIND(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

const char *recipe_where_name(enum recipe_where where)
{
	for (size_t i = 0; i < sizeof(wheres) / sizeof(*wheres); i++)
		if (wheres[i].where == where)
			return wheres[i].name;
	return "none";
}

const char *recipe_field_name(enum recipe_field field)
{
	return fields[field];
}

/* ---- [recipe] ---------------------------------------------------------------------------------------------------------- */

static int refuse(struct reading *r, const char *what, const char *value)
{
	return diag_set(r->d, -EINVAL, "%s, not \"%.80s\"", what, value);
}

static int set_text(struct reading *r, char *at, size_t size, const char *name, const char *value)
{
	if (*at)
		return diag_set(r->d, -EINVAL, "%s is given twice", name);
	if (!*value || strlen(value) >= size)
		return diag_set(r->d, -EINVAL, "%s: expected 1 to %zu characters", name, size - 1);
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return diag_set(r->d, -EINVAL, "%s has a control character", name);
	memcpy(at, value, strlen(value) + 1);
	return 0;
}

static int set_kind(struct reading *r, const char *value)
{
	for (int i = 1; i < PS_KIND_COUNT; i++) {
		if (strcmp(kinds[i], value) != 0)
			continue;
		r->recipe->kind = (enum ps_kind)i;
		return 0;
	}
	return refuse(r, "kind: expected connection, worker, object, semaphore, lock or listener",
		      value);
}

static int set_flag(struct reading *r, bool *ret, const char *name, const char *value)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return diag_set(r->d, -EINVAL, "%s: expected yes or no, not \"%.80s\"", name,
				value);
	*ret = !strcmp(value, "yes");
	return 0;
}

static int on_recipe_key(struct reading *r, const char *name, const char *value)
{
	struct recipe *x = r->recipe;

	if (!strcmp(name, "library"))
		return set_text(r, x->library, sizeof(x->library), name, value);
	if (!strcmp(name, "soname"))
		return set_text(r, x->soname, sizeof(x->soname), name, value);
	if (!strcmp(name, "path"))
		return set_text(r, x->path, sizeof(x->path), name, value);
	if (!strcmp(name, "build-id"))
		return set_text(r, x->build_id, sizeof(x->build_id), name, value);
	if (!strcmp(name, "requires"))
		return set_text(r, x->requires, sizeof(x->requires), name, value);
	if (!strcmp(name, "without"))
		return set_text(r, x->without, sizeof(x->without), name, value);
	if (!strcmp(name, "kind"))
		return set_kind(r, value);
	if (!strcmp(name, "language")) {
		if (strcmp(value, "go") && strcmp(value, "c"))
			return refuse(r, "language: expected c or go", value);
		x->language = !strcmp(value, "go") ? RECIPE_GO : RECIPE_C;
		return 0;
	}
	if (!strcmp(name, "dear"))
		return set_flag(r, &x->is_dear_allowed, name, value);
	if (!strcmp(name, "enabled")) {
		bool is_on = false;
		int error = set_flag(r, &is_on, name, value);

		x->is_off = !is_on;
		return error;
	}
	if (!strcmp(name, "version"))
		return recipe_parse_range(value, &x->versions)
			       ? 0
			       : refuse(r, "version: expected 1.16..1.22, 1.19 or 1.21..", value);
	return diag_set(r->d, -EINVAL, "there is no key %.64s in section [recipe]", name);
}

/* ---- [probe LABEL] ----------------------------------------------------------------------------------------------------- */

static const char *after_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) != 0 || (text[n] != ' ' && text[n] != '\t'))
		return NULL;
	text += n;
	return text + strspn(text, " \t");
}

/* Splits "A<sign>B" at the last sign; what is left of it goes to `left`. */
static const char *split_last(const char *text, const char *sign, char *left)
{
	const char *found = NULL;

	for (const char *at = strstr(text, sign); at; at = strstr(at + 1, sign))
		found = at;
	if (!found || found == text || !found[strlen(sign)])
		return NULL;
	memcpy(left, text, (size_t)(found - text));
	left[found - text] = 0;
	return found + strlen(sign);
}

static int set_place(struct reading *r, struct recipe_probe *p, enum recipe_where where,
		     const char *form, const char *rest)
{
	const char *right = NULL;
	char *end;

	if (strlen(rest) >= RECIPE_TEXT_MAX || !*rest)
		return diag_set(r->d, -EINVAL, "at: expected %s %s", recipe_where_name(where),
				form);
	p->where = where;
	switch (where) {
	case RECIPE_AT_OFFSET:
		right = split_last(rest, "+", p->function);
		errno = 0;
		p->distance = right ? strtoll(right, &end, 0) : 0;
		if (!right || *end || errno || p->distance < 0)
			right = NULL;
		break;
	case RECIPE_AT_CALL:
		right = split_last(rest, " in ", p->other);
		if (right)
			strcpy(p->function, right);
		break;
	case RECIPE_AT_USDT:
		right = split_last(rest, ":", p->function);
		if (right)
			strcpy(p->other, right);
		break;
	case RECIPE_AT_LEARNED:
		strcpy(p->function, rest);
		r->recipe->has_learned = true;
		if (!strcmp(rest, "entry") || !strcmp(rest, "return"))
			return 0;
		break;
	default:
		strcpy(p->function, rest);
		return 0;
	}
	return right ? 0
		     : diag_set(r->d, -EINVAL, "at: expected %s %s", recipe_where_name(where),
				form);
}

static int set_at(struct reading *r, struct recipe_probe *p, const char *value)
{
	if (p->where)
		return diag_set(r->d, -EINVAL, "at is given twice");
	for (size_t i = 0; i < sizeof(wheres) / sizeof(*wheres); i++) {
		const char *rest = after_word(value, wheres[i].name);

		if (rest)
			return set_place(r, p, wheres[i].where, wheres[i].form, rest);
	}
	return refuse(r, "at: expected entry, return, rets, offset, call, usdt or learned", value);
}

static int set_expr(struct reading *r, struct expr *at, const char *name, const char *value)
{
	int error;

	if (at->base)
		return diag_set(r->d, -EINVAL, "%s is given twice", name);
	error = expr_parse(value, name, OUR_MACHINE, at, r->d);
	return error;
}

/* "EXPR, EXPR, ...)": the arguments in the order that the verb has them. */
static int set_arguments(struct reading *r, struct recipe_probe *p, char *list)
{
	char *end = strrchr(list, ')'), *text, argument[32];

	if (!end || end[1 + strspn(end + 1, " \t")])
		return diag_set(r->d, -EINVAL, "expected a ) at the end");
	*end = 0;
	for (unsigned int i = 0; (text = strsep(&list, ",")); i++) {
		int error;

		if (i == PS_MAX_ARGS || !recipe_verb_argument(p->verb, i, argument))
			return diag_set(r->d, -EINVAL, "the verb %s has only these arguments: %s",
					recipe_verbs[p->verb].name, recipe_verbs[p->verb].args);
		error = set_expr(r, &p->arg[i], argument, text);
		if (error)
			return error;
	}
	return 0;
}

/* "VERB" or "VERB(EXPR, ...)" */
static int set_verb(struct reading *r, struct recipe_probe *p, const char *value)
{
	char text[RECIPE_TEXT_MAX];
	size_t n = strcspn(value, "(");

	if (p->verb)
		return diag_set(r->d, -EINVAL, "verb is given twice");
	for (int i = 1; i < PS_VERB_COUNT; i++)
		if (recipe_verbs[i].name && strlen(recipe_verbs[i].name) == n &&
		    !memcmp(recipe_verbs[i].name, value, n))
			p->verb = (enum ps_verb)i;
	if (!p->verb)
		return refuse(r, "verb: expected one of poolscope-verbs(7)", value);
	if (!value[n])
		return 0;
	snprintf(text, sizeof(text), "%s", value + n + 1);
	return set_arguments(r, p, text);
}

static int on_probe_key(struct reading *r, struct recipe_probe *p, const char *name,
			const char *value)
{
	char argument[32];

	if (!strcmp(name, "at"))
		return set_at(r, p, value);
	if (!strcmp(name, "verb"))
		return set_verb(r, p, value);
	if (!strcmp(name, "save1"))
		return set_expr(r, &p->save[0], name, value);
	if (!strcmp(name, "save2"))
		return set_expr(r, &p->save[1], name, value);
	if (!strcmp(name, "task"))
		return set_expr(r, &p->task, name, value);
	if (!strcmp(name, "hand"))
		return set_expr(r, &p->hand, name, value);
	if (!strcmp(name, "learn"))
		return set_expr(r, &p->learn, name, value);
	if (!strcmp(name, "if")) {
		if (p->n_conds)
			return diag_set(r->d, -EINVAL, "if is given twice");
		return expr_parse_conds(value, OUR_MACHINE, p->cond, &p->n_conds, r->d);
	}
	if (!strcmp(name, "dear"))
		return set_flag(r, &p->is_dear_allowed, name, value);
	if (!strcmp(name, "optional"))
		return set_flag(r, &p->is_optional, name, value);
	if (!strcmp(name, "else"))
		return set_text(r, p->otherwise, sizeof(p->otherwise), name, value);
	if (!p->verb)
		return diag_set(
			r->d, -EINVAL,
			"%.64s: expected at, verb, if, else, save1, save2, task, hand, learn, optional "
			"or dear; arguments come after their verb",
			name);
	for (unsigned int i = 0; i < PS_MAX_ARGS && recipe_verb_argument(p->verb, i, argument); i++)
		if (!strcmp(argument, name))
			return set_expr(r, &p->arg[i], name, value);
	return diag_set(r->d, -EINVAL, "the verb %s has no argument %.64s; it has: %s",
			recipe_verbs[p->verb].name, name, recipe_verbs[p->verb].args);
}

/* ---- [offset NAME], [fields] ------------------------------------------------------------------------------------------- */

static int on_offset_key(struct reading *r, struct recipe_offset *o, const char *name,
			 const char *value)
{
	const char *member, *id;
	char *end;
	long long n;

	if (!strcmp(name, "dwarf")) {
		member = strlen(value) < RECIPE_TEXT_MAX && !o->type[0]
				 ? split_last(value, " ", o->type)
				 : NULL;
		if (!member || strlen(member) >= sizeof(o->member))
			return refuse(r, "dwarf: expected one TYPE MEMBER", value);
		strcpy(o->member, member);
		return 0;
	}
	if (o->n_ranges == RECIPE_RANGES_MAX)
		return diag_set(r->d, -EINVAL, "more than %d ranges of versions",
				RECIPE_RANGES_MAX);
	id = after_word(name, "build-id");
	if (id && strlen(id) < RECIPE_BUILD_ID_MAX && !id[strspn(id, "0123456789abcdef")])
		strcpy(o->range[o->n_ranges].build_id, id);
	else if (!recipe_parse_range(name, &o->range[o->n_ranges].versions))
		return refuse(r, "expected dwarf, build-id HEX or versions of Go, as in 1.16..1.22",
			      name);
	errno = 0;
	n = strtoll(value, &end, 0);
	if (end == value || *end || errno || n < 0 || n > INT32_MAX)
		return refuse(r, "expected a number of bytes", value);
	o->range[o->n_ranges++].value = n;
	return 0;
}

static int on_field_key(struct reading *r, const char *name, const char *value)
{
	for (int i = 0; i < RECIPE_FIELD_COUNT; i++) {
		if (strcmp(fields[i], name) != 0)
			continue;
		if (r->recipe->field[i].base)
			return diag_set(r->d, -EINVAL, "%s is given twice", name);
		r->recipe->has_fields = true;
		return expr_parse_field(value, &r->recipe->field[i], r->d);
	}
	return diag_set(r->d, -EINVAL, "there is no field %.64s", name);
}

/* ---- sections ---------------------------------------------------------------------------------------------------------- */

static int take_label(struct reading *r, const char *section, char ret[RECIPE_NAME_MAX])
{
	const char *label = section + strcspn(section, " ");

	label += strspn(label, " ");
	if (!*label || strlen(label) >= RECIPE_NAME_MAX)
		return diag_set(r->d, -EINVAL, "[%.64s]: expected a name of 1 to %d characters",
				section, RECIPE_NAME_MAX - 1);
	strcpy(ret, label);
	return 0;
}

static int begin_probe(struct reading *r, const char *section)
{
	struct recipe *x = r->recipe;
	struct recipe_probe *p = &x->probe[x->n_probes];

	if (x->n_probes == RECIPE_PROBES_MAX)
		return diag_set(r->d, -E2BIG, "more than %d probes", RECIPE_PROBES_MAX);
	p->line = r->line;
	if (take_label(r, section, p->label))
		return -EINVAL;
	for (size_t i = 0; i < x->n_probes; i++)
		if (!strcmp(x->probe[i].label, p->label))
			return diag_set(r->d, -EINVAL, "there are two probes %s", p->label);
	x->n_probes++;
	return 0;
}

static int begin_offset(struct reading *r, const char *section)
{
	struct recipe *x = r->recipe;
	struct recipe_offset *o = &x->offset[x->n_offsets];

	if (x->n_offsets == RECIPE_OFFSETS_MAX)
		return diag_set(r->d, -E2BIG, "more than %d offsets", RECIPE_OFFSETS_MAX);
	if (take_label(r, section, o->name))
		return -EINVAL;
	if (recipe_find_offset(x, o->name))
		return diag_set(r->d, -EINVAL, "there are two offsets %s", o->name);
	x->n_offsets++;
	return 0;
}

static int begin_section(struct reading *r, const char *section)
{
	if (strlen(section) >= sizeof(r->section))
		return diag_set(r->d, -EINVAL, "the name of the section is too long");
	strcpy(r->section, section);
	if (after_word(section, "probe"))
		return begin_probe(r, section);
	if (after_word(section, "offset"))
		return begin_offset(r, section);
	if (!strcmp(section, "recipe") || !strcmp(section, "fields"))
		return 0;
	return diag_set(r->d, -EINVAL,
			"expected [recipe], [probe LABEL], [offset NAME] or [fields], not [%.40s]",
			section);
}

static int on_key(struct reading *r, const char *section, const char *name, const char *value)
{
	struct recipe *x = r->recipe;

	if (strcmp(section, r->section) != 0 && begin_section(r, section))
		return -EINVAL;
	if (!strcmp(section, "recipe"))
		return on_recipe_key(r, name, value);
	if (!strcmp(section, "fields"))
		return on_field_key(r, name, value);
	if (section[0] == 'p' && x->n_probes)
		return on_probe_key(r, &x->probe[x->n_probes - 1], name, value);
	if (section[0] == 'o' && x->n_offsets)
		return on_offset_key(r, &x->offset[x->n_offsets - 1], name, value);
	return diag_set(r->d, -EINVAL, "%.64s stands in no section", name);
}

static int on_line(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;

	if (r->error)
		return 0;
	r->error = on_key(r, section, name, value ? value : "");
	if (r->error)
		r->d->line = r->line;
	return !r->error;
}

/* One line at a time; one that is too long would come in two. */
static char *next_line(char *to, int size, void *user)
{
	struct reading *r = user;
	const char *end;
	size_t n;

	if (r->at >= r->end)
		return NULL;
	r->line++;
	end = memchr(r->at, '\n', (size_t)(r->end - r->at));
	n = (size_t)((end ? end + 1 : r->end) - r->at);
	if (n >= (size_t)size || memchr(r->at, 0, n)) {
		if (!r->error)
			r->error =
				diag_set(r->d, -EINVAL,
					 n >= (size_t)size ? "the line is too long" : "a NUL byte");
		r->d->line = r->line;
		return NULL;
	}
	memcpy(to, r->at, n);
	to[n] = 0;
	r->at += n;
	return to;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

const struct recipe_offset *recipe_find_offset(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_offsets; i++)
		if (!strcmp(r->offset[i].name, name))
			return &r->offset[i];
	return NULL;
}

static enum ps_compare opposite(enum ps_compare compare)
{
	switch (compare) {
	case PS_COMPARE_EQ:
		return PS_COMPARE_NE;
	case PS_COMPARE_NE:
		return PS_COMPARE_EQ;
	case PS_COMPARE_LT:
		return PS_COMPARE_GE;
	case PS_COMPARE_LE:
		return PS_COMPARE_GT;
	case PS_COMPARE_GT:
		return PS_COMPARE_LE;
	default:
		return PS_COMPARE_LT;
	}
}

/* What happens when a condition does not hold is a probe with the opposite one. */
static int add_otherwise(struct reading *r, const struct recipe_probe *p)
{
	struct recipe *x = r->recipe;
	struct recipe_probe *other = &x->probe[x->n_probes];

	r->d->line = p->line;
	if (p->n_conds != 1 || p->cond[0].compare == PS_COMPARE_BITS)
		return diag_set(r->d, -EINVAL,
				"[probe %s]: else needs an if with one comparison other than &",
				p->label);
	if (x->n_probes == RECIPE_PROBES_MAX)
		return diag_set(r->d, -E2BIG, "more than %d probes", RECIPE_PROBES_MAX);
	*other = *p;
	snprintf(other->label, sizeof(other->label), "%.40s-else", p->label);
	other->cond[0].compare = opposite(p->cond[0].compare);
	other->verb = PS_VERB_none;
	other->otherwise[0] = 0;
	memset(other->arg, 0, sizeof(other->arg));
	memset(other->save, 0, sizeof(other->save));
	memset(&other->hand, 0, sizeof(other->hand));
	memset(&other->learn, 0, sizeof(other->learn));
	x->n_probes++;
	return set_verb(r, other, p->otherwise);
}

static int add_all_otherwise(struct reading *r)
{
	struct recipe *x = r->recipe;
	size_t n = x->n_probes;
	int error = 0;

	for (size_t i = 0; i < n && !error; i++) {
		x->probe[i].is_dear_allowed |= x->is_dear_allowed;
		if (x->probe[i].otherwise[0])
			error = add_otherwise(r, &x->probe[i]);
	}
	return error;
}

/* FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>. Only to tell a changed file from an unchanged one. */
static uint64_t hash_of(const char *text, size_t n)
{
	uint64_t h = 14695981039346656037ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)text[i]) * 1099511628211ull;
	return h;
}

static void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	free(r->probe);
	free(r->offset);
	free(r);
}

static void cleanup_recipe(struct recipe **r)
{
	recipe_free(*r);
}

/* Most have a few of the many that there may be; where it cannot be made smaller it stays as it is. */
static void fit(struct recipe *x)
{
	struct recipe_probe *probe = realloc(x->probe, (x->n_probes + 1) * sizeof(*probe));
	struct recipe_offset *offset = realloc(x->offset, (x->n_offsets + 1) * sizeof(*offset));

	if (probe)
		x->probe = probe;
	if (offset)
		x->offset = offset;
}

int recipe_parse(const char *name, const char *text, size_t n, struct recipe **ret, struct diag *d)
{
	CLEANUP(cleanup_recipe) struct recipe *x = calloc(1, sizeof(*x));
	struct diag unused = { 0 };
	struct reading r = { .recipe = x, .d = d ? d : &unused, .at = text, .end = text + n };
	int line;

	if (!x || !(x->probe = calloc(RECIPE_PROBES_MAX + 1, sizeof(*x->probe))) ||
	    !(x->offset = calloc(RECIPE_OFFSETS_MAX + 1, sizeof(*x->offset))))
		return diag_set(d, -ENOMEM, "out of memory");
	x->n_refs = 1;
	x->versions.to = RECIPE_NEWEST;
	snprintf(x->name, sizeof(x->name), "%s", name);
	x->hash = hash_of(text, n);
	line = ini_parse_stream(next_line, &r, on_line, &r);
	if (!r.error && line > 0) {
		r.d->line = (unsigned int)line;
		r.error = diag_set(r.d, -EINVAL, "expected [section] or key = value");
	}
	if (!r.error && line < 0)
		r.error = diag_set(r.d, -ENOMEM, "out of memory");
	if (!r.error)
		r.error = add_all_otherwise(&r);
	if (!r.error) {
		r.d->line = 0;
		r.error = recipe_check(x, r.d);
	}
	if (r.error)
		return r.error;
	fit(x);
	*ret = TAKE(x);
	return 0;
}

int recipe_read(const char *path, struct recipe **ret, struct diag *d)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = malloc(FILE_MAX + 1);
	const char *base = strrchr(path, '/');
	char name[RECIPE_NAME_MAX];
	ssize_t n;

	if (d)
		snprintf(d->file, sizeof(d->file), "%s", path);
	if (!text)
		return diag_set(d, -ENOMEM, "out of memory");
	if (fd < 0)
		return diag_set(d, -errno, "cannot be opened: %s", strerror(errno));
	n = read(fd, text, FILE_MAX + 1);
	if (n < 0)
		return diag_set(d, -errno, "cannot be read: %s", strerror(errno));
	if (n > FILE_MAX)
		return diag_set(d, -EFBIG, "a recipe is at most %d bytes", FILE_MAX);
	base = base ? base + 1 : path;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(base, "."), base);
	return recipe_parse(name, text, (size_t)n, ret, d);
}

struct recipe *recipe_ref(struct recipe *r)
{
	r->n_refs++;
	return r;
}

void recipe_unref(struct recipe *r)
{
	if (r && !--r->n_refs)
		recipe_free(r);
}
