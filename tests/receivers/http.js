// SPDX-License-Identifier: MIT
// http.js - OTLP/HTTP by node's own server. It is strict where the specification is (opentelemetry.io, OTLP 1.9, "OTLP/HTTP Request"):
// POST, application/x-protobuf, identity or gzip.
'use strict';
const http = require('node:http');
const https = require('node:https');
const zlib = require('node:zlib');
const schema = require('./schema');

const TYPE = 'application/x-protobuf';
const MAX_BYTES = 64 << 20;

function read(request) {
	return new Promise((resolve, reject) => {
		const chunks = [];
		let n = 0;
		request.on('data', (chunk) => {
			n += chunk.length;
			if (n > MAX_BYTES)
				reject(new Error('over 64 MiB'));
			else
				chunks.push(chunk);
		});
		request.on('end', () => resolve(Buffer.concat(chunks)));
		request.on('error', reject);
		request.on('aborted', () => reject(new Error('ended before its body')));
	});
}

function respond(response, status, bytes, headers) {
	response.writeHead(status, { 'Content-Type': TYPE, 'Content-Length': bytes.length, ...headers });
	response.end(bytes);
}

// What is wrong with the head of a request: [status, why]; null = nothing.
function judge(request, signal) {
	if (!signal)
		return [404, `no such path: ${request.url}`];
	if (request.method !== 'POST')
		return [405, `no such method: ${request.method}`];
	if (request.headers['content-type'] !== TYPE)
		return [415, `no such type: ${request.headers['content-type']}`];
	if (!['identity', 'gzip'].includes(request.headers['content-encoding'] || 'identity'))
		return [415, `no such encoding: ${request.headers['content-encoding']}`];
	return null;
}

function retryAfter(step) {
	const text = step['retry-after'];
	if (text === undefined)
		return {};
	const date = /^date\+(.*)/.exec(text);
	return { 'Retry-After': date ? new Date(Date.now() + date[1] * 1000).toUTCString() : text };
}

function answer(step, signal, response, door) {
	const socket = response.socket;
	const ok = schema.encodeResponse(signal);
	switch (step.name) {
	case 'ok':
		return respond(response, 200, ok);
	case 'status':
		return respond(response, step.value, schema.encodeStatus(2, 'as told'), retryAfter(step));
	case 'grpc':
		return respond(response, 500, schema.encodeStatus(step.value, 'as told', step['retry-info']));
	case 'partial':
		return respond(response, 200, schema.encodeResponse(signal, step.value, step.message || 'as told'));
	case 'slow':
		return setTimeout(() => respond(response, 200, ok), step.value * 1000);
	case 'big':
		return respond(response, 200, schema.encodeResponse(signal, 0, 'x'.repeat(step.value)));
	case 'half':
		response.writeHead(200, { 'Content-Type': TYPE, 'Content-Length': 1000 });
		response.write(Buffer.alloc(500));
		return setTimeout(() => socket.destroy(), 20);
	default: // down
		return door.down(step.value);
	}
}

async function serve(request, response, receiver) {
	const signal = Object.keys(schema.SIGNALS).find((s) => schema.SIGNALS[s].path === request.url);
	const line = { protocol: 'http', signal, path: request.url, encoding: request.headers['content-encoding'] || 'identity',
		headers: request.headers, connection: receiver.door.id(request.socket.remotePort) };
	const wrong = judge(request, signal);
	const step = wrong ? { text: `status=${wrong[0]}` } : receiver.next(signal);
	if (step.name === 'close') {
		receiver.log({ ...line, step: step.text });
		request.socket.destroy();
		return;
	}
	try {
		const body = await read(request);
		line.bytes = body.length;
		if (wrong)
			throw new Error(wrong[1]);
		receiver.log({ ...line, ...receiver.decode(signal, line.encoding === 'gzip' ? zlib.gunzipSync(body) : body), step: step.text });
	} catch (e) {
		receiver.log({ ...line, step: wrong ? step.text : 'status=400', error: e.message });
		respond(response, wrong ? wrong[0] : 400, schema.encodeStatus(3, e.message));
		return;
	}
	answer(step, signal, response, receiver.door);
}

// Gives the function that takes a connection.
function start(receiver, tls) {
	const handle = (request, response) => serve(request, response, receiver);
	const server = tls ? https.createServer(tls, handle) : http.createServer(handle);
	server.requestTimeout = 0;
	server.keepAliveTimeout = 0;
	return (socket) => server.emit('connection', socket);
}

module.exports = { start };
