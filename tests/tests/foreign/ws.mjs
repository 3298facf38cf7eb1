// Prints what the npm package `ws` hears, a line of JSON a message: node ws.mjs URL
import WebSocket from 'ws';

// As a stranger would open it: no subprotocol, and the package's own offer of permessage-deflate.
const socket = new WebSocket(process.argv[2]);
socket.on('message', (data, isBinary) => {
  if (isBinary) throw new Error('a binary message where none was agreed upon');
  console.log(JSON.stringify({ id: null, data: data.toString() }));
});
socket.on('close', (code) => {
  console.error(`closed: ${code}`);
  process.exit(1);
});
