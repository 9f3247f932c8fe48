/* SPDX-License-Identifier: MIT */
/* otel_test.c - what a process says of itself to OpenTelemetry: parsed, read from this very process, and looked for at the right times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "discover/otel.h"
#include "ingest/resources.h"
#include "tests/subjects/otel.h"

#define S 1000000000ll

static void put_int(struct otel_message *resource, const char *key, uint64_t n)
{
	struct otel_message value = { .n = 0 };

	otel_put_varint(&value, 3 << 3);
	otel_put_varint(&value, n);
	otel_put_value(resource, key, &value);
}

static void assert_attribute(const struct otel_resource *r, const char *key, const char *value)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->attribute[i].key, key) != 0)
			continue;
		assert_string_equal(r->attribute[i].value, value);
		return;
	}
	fail_msg("no attribute %s", key);
}

/* ---- the message --------------------------------------------------------------------------------------------------------- */

static void a_context_has_a_name_and_attributes_of_simple_types(void **state)
{
	struct otel_message resource = { .n = 0 }, context = { .n = 0 }, value = { .n = 0 },
			    array = { .n = 0 };
	double quarter = 0.25;
	struct otel_resource r;

	(void)state;
	otel_put_text(&resource, "service.name", "orders");
	otel_put_text(&resource, "host.name", "a\033[2Jb");
	put_int(&resource, "minus", (uint64_t)-5);
	otel_put_varint(&value, 2 << 3);
	otel_put_varint(&value, 1);
	otel_put_value(&resource, "yes", &value);
	value.n = 0;
	otel_put_varint(&value, 4 << 3 | 1);
	for (size_t i = 0; i < 8; i++)
		otel_put_byte(&value, ((unsigned char *)&quarter)[i]);
	otel_put_value(&resource, "quarter", &value);
	value.n = 0;
	otel_put_bytes(&array, 1, "x", 1);
	otel_put_message(&value, 5, &array);
	otel_put_value(&resource, "list", &value);
	otel_put_text(&resource, "minus", "twice");
	otel_put_message(&context, 1, &resource);
	otel_put_message(&context, 2, &resource); /* what lies beside the resource */
	assert_int_equal(otel_payload_parse(context.bytes, context.n, &r), 0);
	assert_string_equal(r.service_name, "orders");
	assert_int_equal(r.n, 4);
	assert_attribute(&r, "host.name", "a?[2Jb");
	assert_attribute(&r, "minus", "twice");
	assert_attribute(&r, "yes", "true");
	assert_attribute(&r, "quarter", "0.25");
	assert_int_equal(r.n_left_out, 1);
	for (size_t n = 0; n < context.n; n++) /* cut anywhere: nonsense, or the fields before */
		if (otel_payload_parse(context.bytes, n, &r) == 0)
			assert_true(n == 0 || n == context.n - resource.n - 3);
}

static void numbers_of_a_context_are_as_they_were(void **state)
{
	struct otel_message resource = { .n = 0 }, context = { .n = 0 };
	struct otel_resource r;

	(void)state;
	put_int(&resource, "minus", (uint64_t)-5);
	put_int(&resource, "large", INT64_MAX);
	otel_put_message(&context, 1, &resource);
	assert_int_equal(otel_payload_parse(context.bytes, context.n, &r), 0);
	assert_attribute(&r, "minus", "-5");
	assert_attribute(&r, "large", "9223372036854775807");
}

static void too_many_attributes_and_long_ones_are_cut(void **state)
{
	struct otel_message resource = { .n = 0 }, context = { .n = 0 };
	char key[32], long_text[300];
	struct otel_resource r;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = 0;
	otel_put_text(&resource, "long", long_text);
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		otel_put_text(&resource, key, "v");
	}
	otel_put_text(&resource, "service.name", long_text);
	otel_put_message(&context, 1, &resource);
	assert_int_equal(otel_payload_parse(context.bytes, context.n, &r), 0);
	assert_int_equal(r.n, OTEL_ATTRIBUTES_MAX);
	assert_int_equal(r.n_left_out, 41 - OTEL_ATTRIBUTES_MAX);
	assert_int_equal(strlen(r.attribute[0].value), TEXT_NAME_BYTES - 1);
	assert_int_equal(strlen(r.service_name), TEXT_NAME_BYTES - 1);
}

static void a_header_is_believed_only_when_it_can_be(void **state)
{
	const struct otel_header good = { .signature = { 'O', 'T', 'E', 'L', '_', 'C', 'T', 'X' },
					  .version = 2,
					  .payload_size = 100,
					  .published_ns = 1,
					  .payload_at = 0x1000 };
	struct otel_header h = good;

	(void)state;
	assert_int_equal(otel_header_check(&h), 0);
	h.published_ns = 0;
	assert_int_equal(otel_header_check(&h), -EAGAIN);
	h = good;
	h.version = 1;
	assert_int_equal(otel_header_check(&h), -EBADMSG);
	h = good;
	h.signature[7] = 0;
	assert_int_equal(otel_header_check(&h), -EBADMSG);
	h = good;
	h.payload_size = 0;
	assert_int_equal(otel_header_check(&h), -EBADMSG);
	h.payload_size = OTEL_PAYLOAD_MAX + 1;
	assert_int_equal(otel_header_check(&h), -EBADMSG);
	h = good;
	h.payload_at = 0;
	assert_int_equal(otel_header_check(&h), -EBADMSG);
}

/* ---- the environment ------------------------------------------------------------------------------------------------------- */

static void attributes_are_decoded_and_one_mistake_discards_all(void **state)
{
	static const char *const wrong[] = { "a=b,c=%2", "a=b,c=%zz", "a=b,c",
					     "=b",       "a=b, =c",   "a%=b" };
	struct otel_resource r = { .n = 0 };
	static const char text[] =
		"service.name=che%63kout, host.name = a%20b%2Cc%3D ,,empty=,x%3Dy=1%1b,";

	(void)state;
	assert_int_equal(otel_attributes_parse(text, strlen(text), &r), 0);
	assert_string_equal(r.service_name, "checkout");
	assert_int_equal(r.n, 3);
	assert_attribute(&r, "host.name", "a b,c=");
	assert_attribute(&r, "empty", "");
	assert_attribute(&r, "x=y", "1?");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct otel_resource as_it_was = { .service_name = "as it was" };

		assert_int_equal(otel_attributes_parse(wrong[i], strlen(wrong[i]), &as_it_was),
				 -EBADMSG);
		assert_string_equal(as_it_was.service_name, "as it was");
	}
}

#define ENVIRON(text) otel_environ_parse(text, sizeof(text) - 1, &r)

static void the_name_of_its_own_variable_counts_more(void **state)
{
	struct otel_resource r;

	(void)state;
	ENVIRON("A=1\0OTEL_SERVICE_NAME=billing\0OTEL_RESOURCE_ATTRIBUTES=service.name=x,a=b\0");
	assert_string_equal(r.service_name, "billing");
	assert_int_equal(r.n, 1);
	ENVIRON("OTEL_RESOURCE_ATTRIBUTES=service.name=x,a=b\0OTEL_SERVICE_NAME=\0");
	assert_string_equal(r.service_name, "x");
	ENVIRON("OTEL_RESOURCE_ATTRIBUTES=service.name=x,%\0OTEL_SERVICE_NAME=y\0");
	assert_string_equal(r.service_name, "y");
	ENVIRON("XOTEL_SERVICE_NAME=z\0OTEL_SERVICE_NAMES=z\0OTEL_SERVICE_NAME\0"
		"OTEL_SERVICE_NAME=cut");
	assert_string_equal(r.service_name, "");
	ENVIRON("OTEL_SERVICE_NAME=first\0OTEL_SERVICE_NAME=second\0");
	assert_string_equal(r.service_name, "first");
	ENVIRON("OTEL_SERVICE_NAME=unknown_service:java\0");
	assert_string_equal(r.service_name, "");
	ENVIRON("OTEL_SERVICE_NAME=unknown_services\0");
	assert_string_equal(r.service_name, "unknown_services");
	ENVIRON("");
	assert_int_equal(r.n, 0);
}

/* ---- of a process: this one --------------------------------------------------------------------------------------------------- */

static void name_as(struct otel_message *context, const char *name)
{
	struct otel_message resource = { .n = 0 };

	context->n = 0;
	otel_put_text(&resource, "service.name", name);
	otel_put_text(&resource, "k", "v");
	otel_put_message(context, 1, &resource);
}

static void a_context_is_read_as_it_stands(void **state)
{
	static struct otel_message context;
	uint32_t pid = (uint32_t)getpid();
	uint64_t at = 0, published_ns = 0;
	struct otel_published *p;
	struct otel_resource r = { .n = 0 };

	(void)state;
	assert_int_equal(otel_context_find(pid, &at), -ENOENT);
	p = otel_map(false);
	assert_non_null(p);
	name_as(&context, "orders");
	otel_publish(p, &context);
	assert_int_equal(otel_context_find(pid, &at), 0);
	assert_true(at == (uint64_t)(uintptr_t)p);
	assert_int_equal(otel_context_read(pid, at, 0, &r, &published_ns), 0);
	assert_string_equal(r.service_name, "orders");
	assert_true(published_ns == p->published_ns);
	assert_int_equal(otel_context_read(pid, at, published_ns, &r, &published_ns), -EALREADY);
	name_as(&context, "orders-2");
	otel_publish(p, &context);
	assert_int_equal(otel_context_read(pid, at, published_ns, &r, &published_ns), 0);
	assert_string_equal(r.service_name, "orders-2");
	p->published_ns = 0;
	assert_int_equal(otel_context_read(pid, at, 0, &r, &published_ns), -EAGAIN);
	p->published_ns = 1;
	p->at = UINT64_MAX - 8;
	assert_int_equal(otel_context_read(pid, at, 0, &r, &published_ns), -EBADMSG);
	assert_string_equal(r.service_name, "orders-2"); /* as it was */
	munmap(p, 4096);
	assert_int_equal(otel_context_read(pid, at, 0, &r, &published_ns), -EFAULT);
	assert_int_equal(otel_context_find(UINT32_MAX / 2, &at), -ESRCH);
	assert_int_equal(otel_environ_read(UINT32_MAX / 2, &r), -ESRCH);
}

/* ---- when it is looked for --------------------------------------------------------------------------------------------------------- */

struct host {
	struct resources resources;
	struct model *model;
};

/* The service that rows of this process show at that time; "" = none. */
static void look_at(struct host *h, int64_t t_s, const char *expected)
{
	struct process_info info = { .key = { .tgid = (uint32_t)getpid(), .incarnation = 1 } };
	const struct ps_stall_key key = { .proc = info.key, .cause = PS_STALL_gc };
	struct arena *arena = arena_new();
	struct snapshot *s = arena_alloc(arena, 1, sizeof(*s));

	resources_tick_begin(&h->resources, t_s * S);
	model_tick_begin(h->model, t_s * S);
	info.name = model_has_process(h->model, &info.key) ? NULL : "me";
	assert_int_equal(model_feed_process(h->model, &info), 0);
	resources_feed(&h->resources, h->model, &info.key);
	resources_feed(&h->resources, h->model, &info.key); /* as when two ways lead to it */
	assert_int_equal(model_feed_counted_stalls(h->model, &key, 1, 0.1), 0);
	model_tick_end(h->model);
	resources_tick_end(&h->resources);
	*s = (struct snapshot){ .n_refs = 1, .arena = arena };
	assert_int_equal(model_snapshot(h->model, s, NULL, NULL), 0);
	assert_int_equal(s->n_processes, 1);
	assert_int_equal(s->processes[0].pid, getpid());
	assert_string_equal(s->processes[0].service ? s->processes[0].service : "", expected);
	assert_string_equal(s->stall_sums[0].process, expected[0] ? expected : "me");
	snapshot_unref(s);
}

static void a_context_is_looked_for_when_it_may_have_come(void **state)
{
	static struct otel_message context;
	struct host h = { .model = model_new() };
	struct otel_published *p;

	(void)state;
	look_at(&h, 100, "");
	p = otel_map(true);
	assert_non_null(p);
	name_as(&context, "orders");
	otel_publish(p, &context);
	if (otel_context_find((uint32_t)getpid(), &(uint64_t){ 0 })) {
		munmap(p, 4096); /* a kernel that names no anonymous memory */
		p = otel_map(false);
		otel_publish(p, &context);
	}
	look_at(&h, 100, ""); /* not yet again */
	look_at(&h, 101, "orders");
	name_as(&context, "orders-2");
	otel_publish(p, &context);
	look_at(&h, 104, "orders");
	look_at(&h, 105, "orders-2");
	look_at(&h, 130, "orders-2");
	name_as(&context, "orders-3");
	otel_publish(p, &context);
	look_at(&h, 189, "orders-2");
	look_at(&h, 190, "orders-3"); /* a minute later */
	munmap(p, 4096);
	look_at(&h, 250, "orders-3"); /* it said so */
	for (int i = 0; i < 100; i++) {
		char name[32];

		p = otel_map(false);
		snprintf(name, sizeof(name), "name-%d", i);
		name_as(&context, name);
		otel_publish(p, &context);
		look_at(&h, 310 + i * 60, i < RESOURCES_CHANGES_MAX - 3 ? name : "name-12"); /* who changes and changes */
		munmap(p, 4096);
	}
	resources_done(&h.resources);
	model_free(h.model);
}

static void who_has_none_is_asked_four_times(void **state)
{
	static struct otel_message context;
	struct host h = { .model = model_new() };
	struct otel_published *p;

	(void)state;
	look_at(&h, 100, "");
	look_at(&h, 140, ""); /* late: the second one */
	look_at(&h, 141, "");
	look_at(&h, 142, "");
	p = otel_map(false);
	name_as(&context, "orders");
	otel_publish(p, &context);
	for (int i = 0; i < 10; i++)
		look_at(&h, 200 + i * 60, "");
	munmap(p, 4096);
	resources_done(&h.resources);
	model_free(h.model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_context_has_a_name_and_attributes_of_simple_types),
		cmocka_unit_test(numbers_of_a_context_are_as_they_were),
		cmocka_unit_test(too_many_attributes_and_long_ones_are_cut),
		cmocka_unit_test(a_header_is_believed_only_when_it_can_be),
		cmocka_unit_test(attributes_are_decoded_and_one_mistake_discards_all),
		cmocka_unit_test(the_name_of_its_own_variable_counts_more),
		cmocka_unit_test(a_context_is_read_as_it_stands),
		cmocka_unit_test(a_context_is_looked_for_when_it_may_have_come),
		cmocka_unit_test(who_has_none_is_asked_four_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
