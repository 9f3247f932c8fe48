// SPDX-License-Identifier: MIT
// selftest.js - is the receiver one that can be believed? node --test of its own client: each fault is seen at the other end as it was ordered,
// and what was sent is what is written down, with everything of OTLP that Poolscope uses.
'use strict';
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const zlib = require('node:zlib');
const schema = require('./schema');

const grpc = schema.modules('@grpc/grpc-js');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'receivers-'));
const asIs = (bytes) => bytes;
let n = 0;

test.after(() => fs.rmSync(folder, { recursive: true }));

const KIND = { 'poolscope.pool.kind': { stringValue: 'connection' } };
const attributes = (o) => Object.entries(o).map(([key, value]) => ({ key, value }));
const scoped = (what) => ({ scope: { name: 'poolscope', version: '0.1.0' }, ...what });
const resource = { attributes: attributes({ 'service.name': { stringValue: 'shop' }, 'process.pid': { intValue: 4711 } }) };

// One metric of each kind, with what is optional.
function metricsRequest() {
	const at = { startTimeUnixNano: '1700000000000000001', timeUnixNano: '1700000010000000003', attributes: attributes(KIND) };
	const exemplar = { filteredAttributes: attributes({ 'thread.id': { intValue: 17 } }), timeUnixNano: '1700000009000000002', asDouble: 0.25,
		spanId: Buffer.alloc(8, 1), traceId: Buffer.alloc(16, 2) };
	const metrics = [
		{ name: 'g', unit: '{item}', gauge: { dataPoints: [{ ...at, asInt: 3 }, { ...at, flags: 1 }] } },
		{ name: 's', unit: 's', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...at, asDouble: 1.5 }] } },
		{ name: 'h', unit: 's', histogram: { aggregationTemporality: 1, dataPoints: [{ ...at, count: 5, sum: 0, bucketCounts: [2, 3],
			explicitBounds: [0.1], min: 0, max: 0.2, exemplars: [exemplar] }] } },
		{ name: 'e', unit: 's', exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ ...at, count: '9007199254740993', sum: 2.5,
			scale: 3, zeroCount: 2, zeroThreshold: 1e-9, positive: { offset: -30, bucketCounts: [1, 0, 300] }, negative: {}, min: 0,
			max: 2, exemplars: [exemplar], flags: 0 }] } },
		{ name: 'q', summary: { dataPoints: [{ ...at, count: 1, sum: 2, quantileValues: [{ quantile: 0.5, value: 2 }] }] } },
	];
	return encode('metrics', { resourceMetrics: [{ resource, scopeMetrics: [scoped({ metrics })] }] });
}

function logsRequest() {
	const logRecords = [{ timeUnixNano: '1700000010000000003', observedTimeUnixNano: '1700000010000000004', severityNumber: 17,
		severityText: 'ERROR', body: { stringValue: 'a pool leaks' }, attributes: attributes(KIND), eventName: 'poolscope.finding' }];
	return encode('logs', { resourceLogs: [{ resource, scopeLogs: [scoped({ logRecords })] }] });
}

function encode(signal, object) {
	const type = schema.SIGNALS[signal].request;
	return Buffer.from(type.encode(type.fromObject(object)).finish());
}

async function withReceiver(protocol, faults, does, ...more) {
	const log = path.join(folder, `${++n}.jsonl`);
	const child = spawn(process.execPath, [path.join(__dirname, 'receiver.js'), '--protocol', protocol, '--log', log, '--faults', faults, ...more],
		{ stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = new Promise((resolve) => child.on('exit', resolve));
	try {
		const ready = await new Promise((resolve, reject) => {
			child.stdout.once('data', resolve);
			child.once('exit', () => reject(new Error('the receiver ended')));
		});
		const port = Number(/^READY port=(\d+)$/m.exec(ready)[1]);
		await does(port, () => fs.readFileSync(log, 'utf8').trim().split('\n').map((line) => JSON.parse(line)));
	} finally {
		child.kill('SIGTERM');
		assert.strictEqual(await ended, 0);
	}
}

// Resolves to {status, headers, body}; rejects when the connection breaks.
function post(port, signal, bytes, headers = {}, at = schema.SIGNALS[signal].path) {
	return new Promise((resolve, reject) => {
		const request = http.request({ port, path: at, host: '127.0.0.1', method: 'POST', agent: false,
			headers: { 'Content-Type': 'application/x-protobuf', 'Content-Length': bytes.length, ...headers } }, (answer) => {
			const chunks = [];
			answer.on('data', (chunk) => chunks.push(chunk));
			answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
			answer.on('error', reject);
		});
		request.on('error', reject);
		request.end(bytes);
	});
}

// Resolves to {code, body, metadata}, whatever the status.
function call(client, signal, bytes, seconds = 20) {
	return new Promise((resolve) => {
		client.makeUnaryRequest(schema.SIGNALS[signal].service, asIs, asIs, bytes, new grpc.Metadata(),
			{ deadline: Date.now() + seconds * 1000 }, (error, body) => resolve(error ?
				{ code: error.code, metadata: error.metadata } : { code: 0, body }));
	});
}

async function withClient(port, does, isGzip) {
	const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { 'grpc.enable_retries': 0,
		'grpc.max_receive_message_length': -1, 'grpc.default_compression_algorithm': isGzip ? 2 : 0,
		'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 100, 'grpc.min_reconnect_backoff_ms': 100 });
	try {
		await does(client);
	} finally {
		client.close();
	}
}

const partialOf = (signal, body) => {
	const { response } = schema.SIGNALS[signal];
	return response.toObject(response.decode(body), { longs: Number }).partialSuccess;
};

function judgeMetrics(line) {
	assert.deepStrictEqual([line.signal, line.items, line.unknown_bytes, line.step], ['metrics', 6, 0, 'ok']);
	const [{ resource: who, scopeMetrics: [{ scope, metrics }] }] = line.body.resourceMetrics;
	assert.deepStrictEqual(who.attributes, [{ key: 'service.name', value: { stringValue: 'shop' } }, { key: 'process.pid', value: { intValue: '4711' } }]);
	assert.deepStrictEqual(scope, { name: 'poolscope', version: '0.1.0' });
	const [g, s, h, e, q] = metrics;
	assert.deepStrictEqual([g.gauge.dataPoints[0].asInt, g.gauge.dataPoints[1].flags], ['3', 1]);
	assert.deepStrictEqual([s.sum.aggregationTemporality, s.sum.isMonotonic], ['AGGREGATION_TEMPORALITY_CUMULATIVE', true]);
	const [point] = h.histogram.dataPoints;
	assert.deepStrictEqual([point.sum, point.min, point.max, point.bucketCounts], [0, 0, 0.2, ['2', '3']]);
	const [x] = e.exponentialHistogram.dataPoints;
	assert.deepStrictEqual([x.count, x.scale, x.zeroCount, x.zeroThreshold, x.positive, x.startTimeUnixNano],
		['9007199254740993', 3, '2', 1e-9, { offset: -30, bucketCounts: ['1', '0', '300'] }, '1700000000000000001']);
	assert.deepStrictEqual([x.exemplars[0].asDouble, x.exemplars[0].filteredAttributes[0].value], [0.25, { intValue: '17' }]);
	assert.strictEqual(q.summary.dataPoints[0].quantileValues[0].value, 2);
}

function judgeLogs(line) {
	assert.deepStrictEqual([line.signal, line.items, line.unknown_bytes], ['logs', 1, 0]);
	const [record] = line.body.resourceLogs[0].scopeLogs[0].logRecords;
	assert.deepStrictEqual([record.severityNumber, record.body.stringValue, record.eventName],
		['SEVERITY_NUMBER_ERROR', 'a pool leaks', 'poolscope.finding']);
}

test('http: what is sent is what is kept, plain and gzip', () => withReceiver('http', '', async (port, lines) => {
	const bytes = metricsRequest();
	assert.strictEqual((await post(port, 'metrics', bytes)).status, 200);
	assert.strictEqual((await post(port, 'metrics', zlib.gzipSync(bytes), { 'Content-Encoding': 'gzip', 'X-Key': 'k' })).status, 200);
	assert.strictEqual((await post(port, 'logs', logsRequest())).status, 200);
	const [plain, gzip, logs] = lines();
	judgeMetrics(plain);
	judgeMetrics(gzip);
	judgeLogs(logs);
	assert.deepStrictEqual([plain.encoding, gzip.encoding, gzip.headers['x-key'], plain.bytes], ['identity', 'gzip', 'k', bytes.length]);
	assert.strictEqual(plain.sha256, gzip.sha256);
}));

test('gRPC: what is sent is what is kept, plain and gzip', () => withReceiver('grpc', '', async (port, lines) => {
	await withClient(port, async (client) => {
		assert.strictEqual((await call(client, 'metrics', metricsRequest())).code, 0);
		assert.strictEqual((await call(client, 'logs', logsRequest())).code, 0);
	});
	await withClient(port, async (client) => assert.strictEqual((await call(client, 'metrics', metricsRequest())).code, 0), true);
	const [plain, logs, gzip] = lines();
	judgeMetrics(plain);
	judgeMetrics(gzip);
	judgeLogs(logs);
	assert.deepStrictEqual([plain.encoding, gzip.encoding, gzip.headers.te, plain.sha256], ['identity', 'gzip', 'trailers', gzip.sha256]);
	assert.deepStrictEqual([plain.bytes, plain.connection, logs.connection, gzip.connection], [metricsRequest().length + 5, 1, 1, 2]);
}));

test('http: what is no request of OTLP is refused', () => withReceiver('http', '', async (port, lines) => {
	const bytes = logsRequest();
	assert.strictEqual((await post(port, 'logs', bytes, {}, '/v1/log')).status, 404);
	assert.strictEqual((await post(port, 'logs', bytes, { 'Content-Type': 'application/json' })).status, 415);
	assert.strictEqual((await post(port, 'logs', bytes, { 'Content-Encoding': 'deflate' })).status, 415);
	assert.strictEqual((await post(port, 'logs', bytes, { 'Content-Encoding': 'gzip' })).status, 400);
	assert.strictEqual((await post(port, 'logs', bytes.subarray(0, bytes.length - 1))).status, 400);
	// field 15 of the request is nobody's
	assert.strictEqual((await post(port, 'logs', Buffer.concat([bytes, Buffer.from([0x78, 1])]))).status, 200);
	assert.deepStrictEqual(lines().map((l) => [l.step, l.unknown_bytes]), [['status=404', undefined], ['status=415', undefined],
		['status=415', undefined], ['status=400', undefined], ['status=400', undefined], ['ok', 2]]);
}));

test('http: each fault is what was ordered', () => withReceiver('http',
	'status=429,retry-after=2 status=429,retry-after=date+90 status=503 status=502 status=504 status=400 status=500 grpc=8,retry-info=1.5 ' +
	'partial=23,message=too_many slow=0.3 big=5000000 half close ok', async (port, lines) => {
		const bytes = metricsRequest();
		const send = () => post(port, 'metrics', bytes);
		const seconds = await send();
		assert.deepStrictEqual([seconds.status, seconds.headers['retry-after']], [429, '2']);
		const date = Date.parse((await send()).headers['retry-after']) - Date.now();
		assert.ok(date > 85000 && date < 91000, `${date} ms`);
		for (const status of [503, 502, 504, 400, 500])
			assert.strictEqual((await send()).status, status);
		const details = schema.decodeStatus((await send()).body);
		assert.deepStrictEqual([details.code, details.details[0].type_url], [8, 'type.googleapis.com/google.rpc.RetryInfo']);
		assert.deepStrictEqual(partialOf('metrics', (await send()).body), { rejectedDataPoints: 23, errorMessage: 'too many' });
		const begin = Date.now();
		assert.strictEqual((await send()).status, 200);
		assert.ok(Date.now() - begin >= 290);
		assert.ok((await send()).body.length > 5000000);
		await assert.rejects(send(), /aborted|hang up|ECONNRESET/);
		await assert.rejects(send(), /hang up|ECONNRESET/);
		assert.strictEqual((await send()).status, 200);
		assert.deepStrictEqual(lines().map((l) => l.step.split(/[=,]/)[0]), ['status', 'status', 'status', 'status', 'status', 'status', 'status',
			'grpc', 'partial', 'slow', 'big', 'half', 'close', 'ok']);
	}));

test('gRPC: each fault is what was ordered', () => withReceiver('grpc',
	`${Array.from({ length: 16 }, (_, i) => `grpc=${i + 1}`).join(' ')} grpc=8,retry-info=1.5 status=503 partial=23 slow=0.3 big=5000000 half close ok`,
	(port, lines) => withClient(port, async (client) => {
		const send = () => call(client, 'logs', logsRequest());
		for (let code = 1; code <= 16; code++)
			assert.deepStrictEqual(await send().then((a) => [a.code, a.metadata.get('grpc-status-details-bin').length]), [code, 0]);
		const limited = await send();
		const details = schema.decodeStatus(limited.metadata.get('grpc-status-details-bin')[0]);
		assert.deepStrictEqual([limited.code, details.details[0].type_url], [8, 'type.googleapis.com/google.rpc.RetryInfo']);
		assert.strictEqual((await send()).code, 14);
		assert.deepStrictEqual(partialOf('logs', (await send()).body), { rejectedLogRecords: 23, errorMessage: 'as told' });
		const begin = Date.now();
		assert.strictEqual((await send()).code, 0);
		assert.ok(Date.now() - begin >= 290);
		assert.ok((await send()).body.length > 5000000);
		assert.notStrictEqual((await send()).code, 0);
		assert.notStrictEqual((await send()).code, 0);
		assert.strictEqual((await send()).code, 0);
		assert.strictEqual(lines().length, 24);
	})));

for (const protocol of ['http', 'grpc']) {
	test(`${protocol}: who is down cannot be reached, and comes back on the same port`, () => withReceiver(protocol, 'down=1 ok*2 status=503*',
		async (port, lines) => {
			const send = async () => {
				if (protocol === 'http')
					return post(port, 'logs', logsRequest()).then((a) => a.status === 200, () => false);
				let is_ok;
				await withClient(port, async (client) => { is_ok = (await call(client, 'logs', logsRequest(), 1)).code === 0; });
				return is_ok;
			};
			assert.strictEqual(await send(), false);
			const begin = Date.now();
			while (!await send())
				await new Promise((resolve) => setTimeout(resolve, 20));
			assert.ok(Date.now() - begin >= 900);
			assert.strictEqual(await send(), true);
			assert.deepStrictEqual([await send(), await send(), await send()], [false, false, false]);
			assert.deepStrictEqual(lines().map((l) => l.event || l.step), ['down=1', 'down', 'up', 'ok', 'ok', 'status=503', 'status=503', 'status=503']);
		}));
}

test('--only leaves the other signals alone, --no-body the bodies out', () => withReceiver('http', 'status=503*', async (port, lines) => {
	assert.strictEqual((await post(port, 'logs', logsRequest())).status, 200);
	assert.strictEqual((await post(port, 'metrics', metricsRequest())).status, 503);
	assert.deepStrictEqual(lines().map((l) => [l.step, l.items, l.body]), [['ok', 1, undefined], ['status=503', 6, undefined]]);
}, '--only', 'metrics', '--no-body'));
