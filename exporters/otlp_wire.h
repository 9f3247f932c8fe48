/* SPDX-License-Identifier: MIT */
/* otlp_wire.h - a request as it goes over the wire: compressed, and with gRPC's frame before it. Pure. */
#ifndef POOLSCOPE_EXPORTERS_OTLP_WIRE_H
#define POOLSCOPE_EXPORTERS_OTLP_WIRE_H

#include <stdbool.h>

#include "base/buffer.h"

/* Into *ret, of just the size it needs, and owned by the caller; the body is as it was. -ENOMEM. */
int otlp_wire_encode(const struct buffer *body, bool is_gzip, bool is_grpc, struct buffer *ret);

#endif
