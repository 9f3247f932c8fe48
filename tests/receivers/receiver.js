// SPDX-License-Identifier: MIT
// receiver.js - a receiver of OTLP that keeps what it is sent and answers as it is told.
//
//	node receiver.js --protocol http|grpc --log FILE [--port N] [--faults STEPS|FILE] [--only SIGNAL] [--no-body]
//	                 [--cert FILE --key FILE [--client-ca FILE]]
//
// Prints READY port=N; --port 0 (the default) takes a free one of 127.0.0.1. SIGTERM ends it. The language of --faults is told in faults.js;
// with --only they are for one signal (metrics, logs, traces), and the others are answered well.
//
// Each request is a line of JSON in FILE, written before it is answered:
//
//	n, time			its number from 1; seconds since 1970
//	protocol, signal, path	"http" or "grpc"; "metrics", "logs" or "traces", null for another path
//	encoding, bytes		"identity" or "gzip": how its body came, and how long it was (over gRPC with its frame)
//	headers, connection	as sent; the number of the connection, from 1
//	body, items		decoded by the official schema; data points, log records or spans
//	sha256, unknown_bytes	of the body, uncompressed; how much of it the schema does not know
//	step			the answer; an error makes it status=400 or grpc=3, and `error` says what was wrong
//
// and {"event": "down"} and {"event": "up"} stand where nobody listened.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const { parseArgs } = require('node:util');
const faults = require('./faults');
const schema = require('./schema');

const PROTOCOLS = { http: require('./http'), grpc: require('./grpc') };

function usage(why) {
	console.error(`receiver: ${why}`);
	process.exit(2);
}

function options() {
	const text = { type: 'string' };
	try {
		const { values } = parseArgs({ options: { protocol: text, log: text, port: text, faults: text, only: text,
			'no-body': { type: 'boolean' }, cert: text, key: text, 'client-ca': text } });
		if (!PROTOCOLS[values.protocol] || !values.log || Boolean(values.cert) !== Boolean(values.key) || (values.only && !schema.SIGNALS[values.only]))
			usage('--protocol http|grpc and --log FILE are needed, and --cert with --key');
		return values;
	} catch (e) {
		return usage(e.message);
	}
}

// The listening socket, apart from the server behind it, which is handed connections: so one can be closed, and all of them, whatever
// is spoken on them.
class Door {
	constructor(log) {
		this.log = log;
		this.sockets = new Map(); // by the client's port
		this.n = 0;
		this.server = net.createServer((socket) => this.enter(socket));
	}

	enter(socket) {
		const port = socket.remotePort;
		socket.number = ++this.n;
		socket.setNoDelay(true);
		this.sockets.set(port, socket);
		socket.on('close', () => this.sockets.get(port) === socket && this.sockets.delete(port));
		socket.on('error', () => {});
		this.serve(socket);
	}

	listen(port, then) {
		this.server.listen(port, '127.0.0.1', () => then(this.server.address().port));
	}

	id(port) {
		const socket = this.sockets.get(port);
		return socket ? socket.number : null;
	}

	close(port) {
		const socket = this.sockets.get(port);
		if (socket)
			socket.destroy();
	}

	down(seconds) {
		const { port } = this.server.address();
		this.log({ event: 'down' });
		this.server.close(() => setTimeout(() => this.listen(port, () => this.log({ event: 'up' })), seconds * 1000));
		for (const socket of this.sockets.values())
			socket.destroy();
	}
}

function main() {
	const o = options();
	const next = faults.player(o.faults && fs.existsSync(o.faults) ? fs.readFileSync(o.faults, 'utf8') : o.faults || '');
	const ok = faults.player('');
	const file = fs.openSync(o.log, 'a');
	let n = 0;
	const log = (line) => fs.writeSync(file, JSON.stringify({ n: line.event ? undefined : ++n, time: Date.now() / 1000, ...line }) + '\n');
	const door = new Door(log);
	const receiver = {
		door, log,
		next: (signal) => (o.only && o.only !== signal ? ok() : next()),
		decode: (signal, bytes) => ({
			...schema.decodeRequest(signal, bytes), ...(o['no-body'] && { body: undefined }),
			sha256: crypto.createHash('sha256').update(bytes).digest('hex'),
		}),
	};
	const tls = o.cert && { cert: fs.readFileSync(o.cert), key: fs.readFileSync(o.key),
		...(o['client-ca'] && { ca: fs.readFileSync(o['client-ca']), requestCert: true, rejectUnauthorized: true }) };
	door.serve = PROTOCOLS[o.protocol].start(receiver, tls);
	door.listen(Number(o.port || 0), (port) => console.log(`READY port=${port}`));
	process.on('SIGTERM', () => process.exit(0));
}

main();
