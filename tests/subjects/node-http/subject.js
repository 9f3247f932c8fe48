// SPDX-License-Identifier: MIT
// Chains of requests through one http.Agent: the protocol of lib.sh. Times are CLOCK_MONOTONIC ns.
const fs = require('fs');
const http = require('http');

const env = (name) => Number(process.env[name] || 0);
const now = () => process.hrtime.bigint();
const agent = new http.Agent({ keepAlive: true, maxSockets: env('MAX') });
const ops = [];
let left = env('THREADS');

function done() {
	fs.writeFileSync(process.env.OPS, ops.join(''));
	console.log(`BOOKS {"pool":"agent","kind":"connection","library":"node","capacity":${env('MAX')}}`);
}

function chain(n) {
	if (!n)
		return --left || done();
	const begin = now();
	let acquired;
	const request = http.request({ host: '127.0.0.1', port: env('PORT'), agent }, (answer) => {
		answer.resume();
		answer.on('end', () => {
			ops.push(`${begin} ${acquired} ${now()} ${now()}\n`);
			setTimeout(chain, env('THINK_MS'), n - 1);
		});
	});
	request.on('socket', () => acquired = now());
	request.end();
}

console.log('READY');
process.stdin.once('data', () => {
	for (let i = env('THREADS'); i; i--)
		chain(env('ITERS'));
	process.stdin.once('data', () => process.exit());
});
