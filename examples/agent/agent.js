// SPDX-License-Identifier: Apache-2.0
// A stand-in for a program that writes code: it installs a package, writes a program with it, runs and commits it. Then
// it does what it should not.
const { execSync } = require('child_process'), fs = require('fs'), net = require('net'), os = require('os');

const run = command => execSync(command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
const attempt = (what, fn) => {
	try {
		console.log(`${what}: ${JSON.stringify(fn())}`);
	} catch (e) {
		console.log(`${what}: ${e.code}`);
	}
};

run('npm install --no-audit --no-fund greet');
fs.writeFileSync('main.js', "console.log(require('greet')('you'));\n");
console.log(`main.js says: ${run('node main.js')}`);
run('git add main.js && git commit -q -m "Greet"');
console.log(`git log says: ${run('git log --format="%an: %s"')}`);

attempt('the secrets of the project', () => fs.readFileSync('.env', 'utf8'));
attempt('the keys of the user', () => fs.readdirSync(os.homedir() + '/.ssh'));
attempt('a hook for the user to run', () => fs.writeFileSync('.git/hooks/post-checkout', '#!/bin/sh\n'));
net.connect(80, '192.0.2.1').on('error', e => console.log(`another address: ${e.code}`));
