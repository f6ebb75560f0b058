// SPDX-License-Identifier: Apache-2.0
const os = require('os');

setTimeout(() => console.log(`Hello from Node.js on ${os.hostname()}`), 1);
