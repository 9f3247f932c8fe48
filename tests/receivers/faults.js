// SPDX-License-Identifier: MIT
// faults.js - the script by which a receiver answers. Steps stand one after the other, divided by white space; `#` begins a comment. Each
// request takes the next step; after the last one all is well, unless that one is repeated for ever.
//
//	ok				a success
//	status=N			HTTP status N, or over gRPC what a proxy makes of it
//	status=429,retry-after=S	with Retry-After: S; retry-after=date+S for the date S seconds from now
//	grpc=N				gRPC status N (over HTTP: 500); grpc=8,retry-info=S has a RetryInfo of S seconds
//	partial=N			a success that rejected N items; with message=TEXT (_ is a space)
//	slow=S				a success, after S seconds
//	big=N				a success of N bytes
//	half				the connection is closed half way through the answer
//	close				it is closed without an answer; over HTTP before the request was read
//	down=S				it is closed, and nobody listens for S seconds
//
// STEP*N is N times that step, STEP* for ever.
'use strict';

const STEPS = { ok: 0, status: 1, grpc: 1, partial: 1, slow: 1, big: 1, half: 0, close: 0, down: 1 }; // 1: has a number
const OPTIONS = { status: ['retry-after'], grpc: ['retry-info'], partial: ['message'] };

function number(text, what) {
	if (!/^\d+(\.\d+)?$/.test(text))
		throw new Error(`${what}: \`${text}' is no number`);
	return Number(text);
}

// "status=429,retry-after=2" as { text, name: 'status', value: 429, 'retry-after': '2' }
function parseStep(text) {
	const [head, ...rest] = text.split(',');
	const [name, value] = head.split('=');
	if (!(name in STEPS) || (value !== undefined) !== (STEPS[name] === 1))
		throw new Error(`no such step: ${text}`);
	const step = { text, name };
	if (value !== undefined)
		step.value = number(value, text);
	for (const option of rest) {
		const [key, word] = option.split('=');
		if (!(OPTIONS[name] || []).includes(key) || !word)
			throw new Error(`no such option of ${name}: ${option}`);
		step[key] = key === 'retry-info' ? number(word, text) : word.replace(/_/g, ' ');
	}
	if (step['retry-after'] !== undefined)
		number(step['retry-after'].replace(/^date\+/, ''), text);
	return step;
}

function parse(script) {
	const steps = [];
	for (const word of script.replace(/#.*/g, '').split(/\s+/).filter(Boolean)) {
		const [, text, times] = /^(.*?)(?:\*(\d*))?$/.exec(word);
		steps.push({ step: parseStep(text), left: times === undefined ? 1 : times === '' ? Infinity : Number(times) });
	}
	return steps;
}

// A function that gives the step of the next request.
function player(script) {
	const steps = parse(script);
	const ok = parseStep('ok');
	return () => {
		while (steps.length && !steps[0].left)
			steps.shift();
		if (!steps.length)
			return ok;
		steps[0].left--;
		return steps[0].step;
	};
}

module.exports = { player };
