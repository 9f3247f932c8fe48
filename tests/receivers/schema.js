// SPDX-License-Identifier: MIT
// schema.js - OTLP as its makers have it: the protobuf code that @opentelemetry/otlp-transformer carries is generated from the whole of
// opentelemetry-proto, so nothing here repeats a field of it. That code skips fields which the schema does not have; what is decoded is
// therefore encoded again, and bytes that are missing then were foreign (`unknown_bytes`).
'use strict';
const path = require('node:path');
const { createRequire } = require('node:module');

const modules = createRequire(path.join(__dirname, '../../build/node_modules/here'));
const proto = modules('@opentelemetry/otlp-transformer/build/src/generated/root').opentelemetry.proto;
const protobuf = modules('protobufjs');

const SIGNALS = {
	metrics: {
		path: '/v1/metrics', service: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
		request: proto.collector.metrics.v1.ExportMetricsServiceRequest,
		response: proto.collector.metrics.v1.ExportMetricsServiceResponse,
		rejected: 'rejectedDataPoints',
	},
	logs: {
		path: '/v1/logs', service: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
		request: proto.collector.logs.v1.ExportLogsServiceRequest,
		response: proto.collector.logs.v1.ExportLogsServiceResponse,
		rejected: 'rejectedLogRecords',
	},
	traces: {
		path: '/v1/traces', service: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
		request: proto.collector.trace.v1.ExportTraceServiceRequest,
		response: proto.collector.trace.v1.ExportTraceServiceResponse,
		rejected: 'rejectedSpans',
	},
};

// google.rpc.Status and RetryInfo: what errors say (googleapis, google/rpc/status.proto and error_details.proto).
const rpc = protobuf.Root.fromJSON({ nested: {
	Status: { fields: {
		code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 }, details: { rule: 'repeated', type: 'Any', id: 3 },
	} },
	Any: { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
	RetryInfo: { fields: { retryDelay: { type: 'Duration', id: 1 } } },
	Duration: { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } },
} });

// A google.rpc.Status as bytes; with retry_s its details have a RetryInfo of so many seconds.
function encodeStatus(code, message, retry_s) {
	const details = [];
	if (retry_s !== undefined) {
		const seconds = Math.floor(retry_s);
		const delay = { seconds, nanos: Math.round((retry_s - seconds) * 1e9) };
		details.push({ type_url: 'type.googleapis.com/google.rpc.RetryInfo',
			value: rpc.RetryInfo.encode({ retryDelay: delay }).finish() });
	}
	return Buffer.from(rpc.Status.encode({ code, message, details }).finish());
}

const decodeStatus = (bytes) => rpc.Status.toObject(rpc.Status.decode(bytes), { longs: Number });

// Data points, log records or spans in a request.
function countItems(signal, request) {
	const sum = (list, f) => (list || []).reduce((n, x) => n + f(x), 0);
	const points = (m) => ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']
		.reduce((n, kind) => n + (m[kind] ? m[kind].dataPoints.length : 0), 0);
	switch (signal) {
	case 'metrics':
		return sum(request.resourceMetrics, (r) => sum(r.scopeMetrics, (s) => sum(s.metrics, points)));
	case 'logs':
		return sum(request.resourceLogs, (r) => sum(r.scopeLogs, (s) => s.logRecords.length));
	default:
		return sum(request.resourceSpans, (r) => sum(r.scopeSpans, (s) => s.spans.length));
	}
}

// {body, items, unknown_bytes}; throws when the bytes are no such request. 64-bit numbers are text, enums are names, as in OTLP's JSON.
function decodeRequest(signal, bytes) {
	const type = SIGNALS[signal].request;
	const request = type.decode(bytes);
	return {
		body: type.toObject(request, { longs: String, enums: String, bytes: String, json: true }),
		items: countItems(signal, request),
		unknown_bytes: bytes.length - type.encode(request).finish().length,
	};
}

// An answer of success; with rejected or message its partial_success is set.
function encodeResponse(signal, rejected, message) {
	const { response, rejected: member } = SIGNALS[signal];
	const partial = rejected === undefined && message === undefined ? {} :
		{ partialSuccess: { [member]: rejected || 0, errorMessage: message || '' } };
	return Buffer.from(response.encode(response.fromObject(partial)).finish());
}

module.exports = { modules, proto, SIGNALS, encodeStatus, decodeStatus, decodeRequest, encodeResponse };
