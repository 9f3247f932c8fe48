/* SPDX-License-Identifier: MIT */
/* otel_fuzz.c - any bytes as a process context, as attributes, and as an environment: what comes out is clean and within its limits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "discover/otel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct otel_resource *r)
{
	if (r->n > OTEL_ATTRIBUTES_MAX || !text_is_clean(r->service_name) ||
	    !strcmp(r->service_name, "unknown_service"))
		abort();
	for (size_t i = 0; i < r->n; i++) {
		const struct otel_attribute *a = &r->attribute[i];

		if (!a->key[0] || !strcmp(a->key, "service.name") || !text_is_clean(a->key) ||
		    !text_is_clean(a->value) || strlen(a->key) >= TEXT_NAME_BYTES ||
		    strlen(a->value) >= TEXT_NAME_BYTES)
			abort();
		for (size_t k = 0; k < i; k++)
			if (!strcmp(r->attribute[k].key, a->key))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otel_resource r = { .n = 0 };
	struct otel_header h;
	char *copy = malloc(size ? size : 1); /* what is read behind the end is found */

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (!otel_payload_parse(copy, size, &r))
		judge(&r);
	if (!otel_attributes_parse(copy, size, &r))
		judge(&r);
	otel_environ_parse(copy, size, &r);
	judge(&r);
	if (size >= sizeof(h)) {
		memcpy(&h, data, sizeof(h));
		if (!otel_header_check(&h) &&
		    (h.payload_size > OTEL_PAYLOAD_MAX || !h.published_ns))
			abort();
	}
	free(copy);
	return 0;
}
