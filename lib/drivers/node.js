// SPDX-License-Identifier: Apache-2.0
// The driver of node (docs/guest.md). In front of it stands the constant `addon`, which is
// node_seed.c as base64.
(() => {
	const fs = require('fs'), Module = require('module'), os = require('os'), path = require('path');
	const v8 = require('v8'), vm = require('vm');
	const crypto = process.versions.openssl && require('crypto');
	const own = module, { random } = Math;
	const device = fs.openSync('/dev/hl', 'r+');
	const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
	let saved = false;

	function ask(question) {
		const pieces = [];
		let n;
		fs.writeSync(device, question);
		do { // a short read is the last one
			const piece = Buffer.allocUnsafe(4096);
			n = fs.readSync(device, piece, 0, piece.length, null);
			pieces.push(piece.subarray(0, n));
		} while (n === 4096);
		return Buffer.concat(pieces).toString().split('\0').slice(0, -1);
	}

	function complain(text) {
		fs.writeSync(2, `hl: node: ${text}\n`);
		process.reallyExit(1);
	}

	function load(words) {
		for (const word of words) {
			const name = word.replace(/\?$/, '');
			try {
				require(name);
			} catch (e) {
				if (word !== name && e.code === 'MODULE_NOT_FOUND')
					continue;
				complain(`module '${name}': ${String(e.message).split('\n')[0]}`);
			}
			try {
				fs.writeSync(device, `call loaded\n${name}`);
			} catch {
				// nobody wants to know
			}
		}
	}

	// The addon needs a file for as long as it is loaded.
	function loadAddon() {
		const loaded = { exports: {} };
		let why;
		for (const folder of ['/dev/shm', os.tmpdir()]) {
			let own;
			try {
				own = fs.mkdtempSync(path.join(folder, 'hl-'));
				fs.writeFileSync(path.join(own, 'seed.node'), Buffer.from(addon, 'base64'));
				process.dlopen(loaded, path.join(own, 'seed.node'));
				return loaded.exports;
			} catch (e) {
				why = e;
			} finally {
				if (own)
					fs.rmSync(own, { recursive: true });
			}
		}
		complain(`its addon cannot be loaded: ${why.message}`);
	}

	// ---- random numbers, none of which copies may share ----

	// A context seeds its Math.random() when that is used for the first time. So modules that are
	// loaded before the save have another, and what they keep of it is the true one afterwards.
	function warmRandom() {
		if (!saved)
			return crypto ? crypto.randomInt(2 ** 47) / 2 ** 47 : (performance.now() * 1e3) % 1;
		return random();
	}

	function seedMath() {
		const bytes = Buffer.alloc(4), urandom = fs.openSync('/dev/urandom');
		fs.readSync(urandom, bytes);
		fs.closeSync(urandom);
		// Of 0, it would take what the isolate had at its start.
		v8.setFlagsFromString(`--random-seed=${bytes.readInt32LE() || 1}`);
		random();
		// Threads have an isolate of their own, and a seed.
		v8.setFlagsFromString('--random-seed=0');
	}

	// OpenSSL has a generator from node's start on; randomUUID() and randomInt() have numbers in
	// stock, which are used up.
	function seedCrypto() {
		if (!seed())
			complain('OpenSSL cannot be seeded');
		for (let n = 0; n < 128; n++)
			crypto.randomUUID();
		for (let n = 0; n < 1024; n++)
			crypto.randomInt(2);
	}

	// ---- the job ----

	function setEnvironment(variables) {
		for (const name of Object.keys(process.env))
			delete process.env[name];
		for (const item of variables) {
			const at = item.indexOf('=');
			process.env[item.slice(0, at)] = item.slice(at + 1);
		}
		Module._initPaths(); // NODE_PATH
	}

	// Globals that only the code of -e has.
	function removeGlobals() {
		for (const name of Module.builtinModules) {
			const is = Object.getOwnPropertyDescriptor(globalThis, name);
			if (is && !is.enumerable && name !== 'process' && name !== 'console')
				delete globalThis[name];
		}
		for (const name of ['module', 'exports', 'require', '__filename', '__dirname'])
			delete globalThis[name];
	}

	function runScript(script, args) {
		process.argv = [process.execPath, path.resolve(script), ...args];
		process.execArgv = [];
		delete process._eval;
		removeGlobals();
		Module.runMain(process.argv[1]);
	}

	// The first import() by this loader gives a warning, which is not the job's.
	async function warmImport() {
		const { emitWarning } = process;
		if (!importModuleDynamically)
			return; // before node 20.12; code of -e and - cannot import() there
		process.emitWarning = () => {};
		await vm.runInThisContext('import("node:fs")', { importModuleDynamically });
		process.emitWarning = emitWarning;
	}

	function runCode(code, filename, argv, execArgv) {
		process.argv = [process.execPath, ...argv];
		process.execArgv = execArgv;
		Object.defineProperty(process, '_eval', { value: code, configurable: true, enumerable: true });
		own.children = [];
		own.paths = Module._nodeModulePaths(process.cwd());
		globalThis.__filename = filename;
		// As in node's evalScript(), what the code starts for later sees another.
		const after = globalThis.module;
		globalThis.module = own;
		try {
			vm.runInThisContext(code, { filename, displayErrors: true, importModuleDynamically });
		} finally {
			globalThis.module = after;
		}
	}

	// What is collected now is no work for the copies.
	function collectGarbage() {
		v8.setFlagsFromString('--expose-gc');
		vm.runInNewContext('gc')();
		v8.setFlagsFromString('--no-expose-gc');
	}

	function save() {
		process.chdir('/');
		collectGarbage();
		try {
			fs.writeSync(device, 'save');
		} catch (e) {
			complain(`cannot be saved: ${e.message}`);
		}
		saved = true;
		Math.random = random;
	}

	function run() {
		setEnvironment(ask('environ'));
		process.chdir(ask('dir')[0]);
		const [option, ...rest] = ask('args');
		fs.closeSync(device);
		if (crypto)
			seedCrypto();
		seedMath();
		if (option === '-e')
			runCode(rest[0], '[eval]', rest.slice(1), ['-e', rest[0]]);
		else if (option === '-')
			runCode(fs.readFileSync(0).toString(), '[stdin]', ['-', ...rest], []);
		else
			runScript(option, rest);
	}

	const seed = crypto && loadAddon();
	Math.random = { random: warmRandom }.random;
	load(process.argv.slice(1));
	warmImport().then(save).then(() => setImmediate(run));
})();
