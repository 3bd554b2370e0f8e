// What other projects put before a recorder: node-tcp-proxy, as they start it. Arguments: address, port, the recorder's address and port.
const proxy = require("node-tcp-proxy");
const [address, port, recorder, recorderPort] = process.argv.slice(2);

proxy.createProxy(port, recorder, recorderPort, { hostname: address, quiet: true });
