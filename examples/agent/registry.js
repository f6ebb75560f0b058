// SPDX-License-Identifier: Apache-2.0
// A registry of npm's with one package, for machines without a network: node registry.js PORT
const http = require('http'), zlib = require('zlib'), crypto = require('crypto');

// A tar archive with one file more than none: npm wants "package/..." in it.
function tar(files) {
	const blocks = [];
	for (const [name, text] of Object.entries(files)) {
		const head = Buffer.alloc(512), body = Buffer.from(text);
		head.write('package/' + name, 0);
		head.write('0000644\0' + '0000000\0' + '0000000\0', 100);
		head.write(body.length.toString(8).padStart(11, '0') + ' ' + '00000000000 ' + '        0', 124);
		head.write('ustar\0' + '00', 257);
		const sum = head.reduce((a, b) => a + b, 0);
		head.write(sum.toString(8).padStart(6, '0') + '\0 ', 148);
		blocks.push(head, body, Buffer.alloc((512 - body.length % 512) % 512));
	}
	return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const archive = zlib.gzipSync(tar({
	'package.json': JSON.stringify({ name: 'greet', version: '1.0.0', main: 'index.js' }),
	'index.js': 'module.exports = who => `hello, ${who}`;\n',
}));
const integrity = 'sha512-' + crypto.createHash('sha512').update(archive).digest('base64');
const port = process.argv[2];

http.createServer((q, a) => {
	if (q.url === '/greet')
		a.end(JSON.stringify({ name: 'greet', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': {
			name: 'greet', version: '1.0.0',
			dist: { tarball: `http://localhost:${port}/greet.tgz`, integrity } } } }));
	else if (q.url === '/greet.tgz')
		a.end(archive);
	else
		a.writeHead(404).end('{}');
}).listen(port, '127.0.0.1');
