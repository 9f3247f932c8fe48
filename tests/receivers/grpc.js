// SPDX-License-Identifier: MIT
// grpc.js - OTLP/gRPC by @grpc/grpc-js. Messages go through as bytes, for schema.js. That library hides the head of a request and how its
// message was compressed, and both are asked of the client here; so they are noted where node's HTTP/2 has them (`heads`), under a number
// that goes on as one more header.
'use strict';
const schema = require('./schema');
const grpc = schema.modules('@grpc/grpc-js');

const MAX_BYTES = 64 << 20;
const NOTE = 'x-told-number';
// What a client makes of an HTTP status where gRPC's is missing (grpc.io, http-grpc-status-mapping).
const OF_HTTP = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 };
const asIs = (bytes) => bytes;

function refuse(callback, code, retry_s) {
	const metadata = new grpc.Metadata();
	if (retry_s !== undefined)
		metadata.set('grpc-status-details-bin', schema.encodeStatus(code, 'as told', retry_s));
	callback({ code, details: 'as told', metadata });
}

function answer(step, signal, call, callback, door, port) {
	const ok = schema.encodeResponse(signal);
	switch (step.name) {
	case 'ok':
		return callback(null, ok);
	case 'status':
		return refuse(callback, OF_HTTP[step.value] || 2);
	case 'grpc':
		return refuse(callback, step.value, step['retry-info']);
	case 'partial':
		return callback(null, schema.encodeResponse(signal, step.value, step.message || 'as told'));
	case 'slow':
		return setTimeout(() => callback(null, ok), step.value * 1000);
	case 'big':
		return callback(null, schema.encodeResponse(signal, 0, 'x'.repeat(step.value)));
	case 'half':
		call.sendMetadata(new grpc.Metadata());
		return setTimeout(() => door.close(port), 20);
	case 'close':
		return door.close(port);
	default: // down
		return door.down(step.value);
	}
}

// The heads of requests that are under way, by number: {headers, port, bytes, is_compressed}.
function noteHeads(http2Server) {
	const heads = new Map();
	const byStream = new WeakMap();
	let n = 0;
	http2Server.prependListener('stream', (stream, headers) => {
		const head = { headers: { ...headers }, port: stream.session.socket.remotePort, bytes: 0 };
		headers[NOTE] = String(++n);
		const number = n;
		heads.set(number, head);
		byStream.set(stream, head);
		stream.once('close', () => heads.delete(number));
	});
	http2Server.on('stream', (stream) => { // behind the library, which has paused the stream by now
		const head = byStream.get(stream);
		stream.on('data', (data) => {
			if (!head.bytes)
				head.is_compressed = data[0] === 1; // the first byte of gRPC's frame of five
			head.bytes += data.length;
		});
	});
	return heads;
}

function handler(signal, receiver, heads) {
	return (call, callback) => {
		const head = heads().get(Number(call.metadata.get(NOTE)[0]));
		const step = receiver.next(signal);
		const line = { protocol: 'grpc', signal, path: schema.SIGNALS[signal].service, connection: receiver.door.id(head.port),
			encoding: head.is_compressed ? head.headers['grpc-encoding'] : 'identity', headers: head.headers, bytes: head.bytes };
		try {
			receiver.log({ ...line, ...receiver.decode(signal, call.request), step: step.text });
		} catch (e) {
			receiver.log({ ...line, step: 'grpc=3', error: e.message });
			callback({ code: 3, details: e.message });
			return;
		}
		answer(step, signal, call, callback, receiver.door, head.port);
	};
}

// Gives the function that takes a connection.
function start(receiver, tls) {
	const server = new grpc.Server({ 'grpc.max_receive_message_length': MAX_BYTES, 'grpc.max_send_message_length': -1 });
	let heads;
	for (const signal of Object.keys(schema.SIGNALS)) {
		const definition = { path: schema.SIGNALS[signal].service, requestStream: false, responseStream: false,
			requestDeserialize: asIs, requestSerialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
		server.addService({ Export: definition }, { Export: handler(signal, receiver, () => heads) });
	}
	const credentials = tls ?
		grpc.ServerCredentials.createSsl(tls.ca || null, [{ cert_chain: tls.cert, private_key: tls.key }], Boolean(tls.ca)) :
		grpc.ServerCredentials.createInsecure();
	const injector = server.createConnectionInjector(credentials);
	const [http2Server] = server.http2Servers.keys();
	heads = noteHeads(http2Server);
	return (socket) => injector.injectConnection(socket);
}

module.exports = { start };
